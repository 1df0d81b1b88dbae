"""What drift is due to: a module for each kind of cause, each a pure function with its evidence."""
