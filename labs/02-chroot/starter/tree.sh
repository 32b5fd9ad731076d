# Builds {{room}}/: the smallest tree in which a shell can live.
rm -rf {{room}}
mkdir -p {{room}}/bin {{room}}/etc {{room}}/old {{room}}/proc {{room}}/tmp {{room}}/usr
ln -sfn ../bin {{room}}/usr/bin # some hosts look for programs there alone
echo {{mark}} > {{room}}/etc/motd

for tool in sh ls cat sleep umount; do
    program=$(command -v $tool)
    cp -L "$program" {{room}}/bin/
    # TODO: a program on disk is not alone. `ldd PROGRAM` lists the files that it is started with. Copy each to the same
    # path below {{room}} (`cp --parents -L FILE {{room}}` makes the directories as well).
done
