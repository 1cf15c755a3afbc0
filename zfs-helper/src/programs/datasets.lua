-- The datasets that stand for a target now, and the snapshot limits above them.
-- Arguments: datasets = { NAME = with children? }. Returns found = { NAME = true }, missing = { NAME = true },
-- limits = { NAME = { limit, count } }.
local arguments = ...
local found, missing, limits = {}, {}, {}

local function look_up_limits(dataset)
    local at = dataset
    while at ~= nil do
        local limit = zfs.get_prop(at, "snapshot_limit")
        if limit ~= nil and limit >= 0 then
            local count = zfs.get_prop(at, "snapshot_count")
            if count == nil then count = 0 end
            limits[at] = { limit = limit, count = count }
        end
        at = string.match(at, "^(.*)/[^/]*$")
    end
end

local function visit(dataset, deep)
    found[dataset] = true
    if deep then
        for child in zfs.list.children(dataset) do
            visit(child, true)
        end
    end
end

for dataset, deep in pairs(arguments.datasets) do
    if zfs.exists(dataset) then
        visit(dataset, deep)
    else
        missing[dataset] = true
    end
end
for dataset in pairs(found) do
    look_up_limits(dataset)
end
return { found = found, missing = missing, limits = limits }
