"""术语: vocabularies whose owners distribute them in files, edition by edition."""
