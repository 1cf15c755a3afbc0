-- What a snapshot is to ZFS. Arguments: snapshot. Returns { guid, createtxg }.
local arguments = ...
return {
    guid = zfs.get_prop(arguments.snapshot, "guid"),
    createtxg = zfs.get_prop(arguments.snapshot, "createtxg"),
}
