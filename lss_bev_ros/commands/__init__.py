"""The commands of `lss-bev`, one file each: they read arguments, call a layer and print what it returns."""
