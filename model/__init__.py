"""The economics: equations in index notation, their calibration and their solution. Knows no files."""
