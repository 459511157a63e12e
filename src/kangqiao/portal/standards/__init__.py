"""The pages of the data standard: data sets, their elements, value sets, and what senders download."""
