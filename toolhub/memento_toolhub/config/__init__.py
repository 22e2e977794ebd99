"""What a tools file may say, in every host's words."""
