"""The bundled server for pictures, sound and video."""
