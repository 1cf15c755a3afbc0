-- The snapshots of some datasets that carry our prefix and our own target property, with what is told about them.
-- A property counts only where its source is the snapshot itself or a receive, never the dataset's own.
-- Arguments: datasets = list, prefix, target, namespace. Returns { FULL NAME = { ... } }.
local arguments = ...
local result = {}

local function own_properties(snapshot)
    local own = {}
    for key, value, source in zfs.list.user_properties(snapshot) do
        if string.sub(key, 1, #arguments.namespace) == arguments.namespace
            and (source == snapshot or source == "$recvd") then
            own[string.sub(key, #arguments.namespace + 1)] = value
        end
    end
    return own
end

local function describe(snapshot, own)
    local clones = {}
    for clone in zfs.list.clones(snapshot) do
        clones[#clones + 1] = clone
    end
    return {
        guid = zfs.get_prop(snapshot, "guid"),
        createtxg = zfs.get_prop(snapshot, "createtxg"),
        creation = zfs.get_prop(snapshot, "creation"),
        used = zfs.get_prop(snapshot, "used"),
        referenced = zfs.get_prop(snapshot, "referenced"),
        userrefs = zfs.get_prop(snapshot, "userrefs"),
        clones = clones,
        properties = own,
    }
end

for _, dataset in ipairs(arguments.datasets) do
    local start = dataset .. "@" .. arguments.prefix .. "-"
    for snapshot in zfs.list.snapshots(dataset) do
        if string.sub(snapshot, 1, #start) == start then
            local own = own_properties(snapshot)
            if own.target == arguments.target then
                result[snapshot] = describe(snapshot, own)
            end
        end
    end
end
return result
