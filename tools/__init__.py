"""What the scripts in `script/` run that is longer than a script should be."""
