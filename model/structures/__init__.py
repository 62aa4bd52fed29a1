"""The market structures, one file each."""
