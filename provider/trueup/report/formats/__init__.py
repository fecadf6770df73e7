"""The report formats, one a file. They are light, since `-o` and its completion load all: renderers are elsewhere."""
