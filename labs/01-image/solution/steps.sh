sh make-image.sh
sh unpack.sh image tree
