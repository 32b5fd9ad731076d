sh box.sh --hostname {{box}}
