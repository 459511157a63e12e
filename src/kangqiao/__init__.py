"""康桥 Kangqiao: the open regional health information platform a Chinese city runs on."""

__version__ = "0.1.0"
