"""主索引: stewards answer doubts about who is who, look over what was decided, and put right what residents ask for."""
