-- Marks one unproven snapshot on all its datasets, or says why not.
-- Arguments: datasets = list, name, target, guid, not_before, namespace, properties = { FULL KEY = VALUE }.
-- Returns { } when done, { refused = why }, { failed = errno, at = snapshot } with nothing changed, or
-- { midway = errno, at = snapshot } with some of it done.
local arguments = ...
local members, id = {}, nil

local function own(snapshot, key)
    local value, source = zfs.get_prop(snapshot, arguments.namespace .. key)
    if source == snapshot then return value end
    return nil
end

local function objection(snapshot)
    if own(snapshot, "target") ~= arguments.target then return "it is not this target's" end
    if own(snapshot, "state") ~= "unproven" then return "it is not unproven" end
    if own(snapshot, "id") == nil then return "it has no id" end
    if #members == 0 then
        id = own(snapshot, "id")
        if zfs.get_prop(snapshot, "guid") ~= arguments.guid then return "its guid is another" end
        if zfs.get_prop(snapshot, "creation") < arguments.not_before then return "it is too old" end
    end
    if own(snapshot, "id") ~= id then return "its datasets were not cut together" end
    return nil
end

for _, dataset in ipairs(arguments.datasets) do
    local snapshot = dataset .. "@" .. arguments.name
    if zfs.exists(snapshot) then
        local why = objection(snapshot)
        if why ~= nil then return { refused = snapshot .. ": " .. why } end
        members[#members + 1] = snapshot
    end
end
if #members == 0 then return { refused = "there is no such snapshot" } end
if own(members[1], "members") ~= #members .. "" then
    return { refused = members[1] .. ": it is no longer there on all its datasets" }
end

for _, snapshot in ipairs(members) do
    for key, value in pairs(arguments.properties) do
        local failed = zfs.check.set_prop(snapshot, key, value)
        if failed ~= 0 then return { failed = failed, at = snapshot } end
    end
end
-- The state last, on the first dataset last of all: whoever finds it there finds all the rest.
local function set(snapshot, key)
    local failed = zfs.sync.set_prop(snapshot, key, arguments.properties[key])
    if failed ~= 0 then return { midway = failed, at = snapshot } end
    return nil
end

local state = arguments.namespace .. "state"
for _, snapshot in ipairs(members) do
    for key in pairs(arguments.properties) do
        local stopped = key ~= state and set(snapshot, key)
        if stopped then return stopped end
    end
end
for at = #members, 1, -1 do
    local stopped = set(members[at], state)
    if stopped then return stopped end
end
return {}
