# Builds {{room}}/: the smallest tree in which a shell can live.
rm -rf {{room}}
mkdir -p {{room}}/bin {{room}}/etc {{room}}/old {{room}}/proc {{room}}/tmp {{room}}/usr
ln -sfn ../bin {{room}}/usr/bin # some hosts look for programs there alone
echo {{mark}} > {{room}}/etc/motd

for tool in sh ls cat sleep umount; do
    program=$(command -v $tool)
    cp -L "$program" {{room}}/bin/
    ldd "$program" | grep -o '/[^ ]*' | while read -r file; do
        cp --parents -L "$file" {{room}}
    done
done
