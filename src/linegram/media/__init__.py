"""The media host: a child process with nothing inside but the audio of calls."""
