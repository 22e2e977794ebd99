"""What the bundled servers share: allowed folders, work in a process of its own, and the rest of long results."""
