-- Destroys snapshots, each on all its datasets, that pass every guard. Never recursive, never deferred.
-- Arguments: datasets = list, target, prefix, namespace, min_keep, names = list, guids = { NAME = guid }.
-- Returns { NAME = { outcome, detail } }.
local arguments = ...
local outcomes, kept = {}, { ["consistent"] = 0, ["crash-consistent"] = 0 }
local EBUSY = 16

-- Value of one of our properties if it is the snapshot's own or was received with it.
local function own(snapshot, key)
    local value, source = zfs.get_prop(snapshot, arguments.namespace .. key)
    if source == snapshot or source == "$recvd" then return value end
    return nil
end

local function members_of(name)
    local members = {}
    for _, dataset in ipairs(arguments.datasets) do
        local snapshot = dataset .. "@" .. name
        if zfs.exists(snapshot) then members[#members + 1] = snapshot end
    end
    return members
end

local function is_consistent(snapshot)
    return own(snapshot, "target") == arguments.target and own(snapshot, "state") == "consistent"
end

-- Those taken without a lock defend none that were taken under one: each kind counts for itself.
local function kind_of(members)
    if own(members[1], "lock") == "none" then return "crash-consistent" end
    return "consistent"
end

-- Whether these are all the members that a cut had at birth, each of them consistent.
local function is_whole(members)
    local id = own(members[1], "id")
    if id == nil or own(members[1], "members") ~= #members .. "" then return false end
    for _, snapshot in ipairs(members) do
        if not is_consistent(snapshot) or own(snapshot, "id") ~= id then return false end
    end
    return true
end

local function count(members, by)
    local kind = kind_of(members)
    kept[kind] = kept[kind] + by
end

local function count_whole()
    local seen = {}
    for _, dataset in ipairs(arguments.datasets) do
        local start = dataset .. "@" .. arguments.prefix .. "-"
        for snapshot in zfs.list.snapshots(dataset) do
            local name = string.sub(snapshot, #dataset + 2)
            if string.sub(snapshot, 1, #start) == start and not seen[name] then
                seen[name] = true
                local members = members_of(name)
                if is_consistent(snapshot) and is_whole(members) then count(members, 1) end
            end
        end
    end
end

-- The first guard that forbids it: outcome and detail, or nil.
local function objection(members, name)
    if #members == 0 then return "not-found", "there is no such snapshot" end
    if zfs.get_prop(members[1], "guid") ~= arguments.guids[name] then
        return "guid-mismatch", members[1] .. " is not the one that was listed"
    end
    local id = own(members[1], "id")
    for _, snapshot in ipairs(members) do
        if own(snapshot, "target") ~= arguments.target or id == nil or own(snapshot, "id") ~= id then
            return "not-ours", snapshot .. " is not marked as this target's"
        end
        if zfs.get_prop(snapshot, "userrefs") ~= 0 then return "held", snapshot .. " has a hold" end
        for clone in zfs.list.clones(snapshot) do
            return "cloned", clone .. " depends on " .. snapshot
        end
    end
    -- What is left of an incomplete one is better than nothing: it goes once there are enough whole ones.
    local kind = kind_of(members)
    local left = kept[kind]
    if is_whole(members) then left = left - 1 end
    if is_consistent(members[1]) and left < arguments.min_keep then
        return "min-keep", "min_keep is " .. arguments.min_keep .. ", and of whole " .. kind .. " ones there are " .. kept[kind]
    end
    for _, snapshot in ipairs(members) do
        local failed = zfs.check.destroy(snapshot)
        if failed == EBUSY then
            return "busy", snapshot .. " is mounted: it is being read, or was within the last minutes"
        end
        if failed ~= 0 then return "failed", snapshot .. ": error " .. failed end
    end
    return nil
end

local function destroy(name)
    if name == "" or string.find(name, "@", 1, true) or string.find(name, "/", 1, true)
        or string.sub(name, 1, #arguments.prefix + 1) ~= arguments.prefix .. "-" then
        return "not-ours", "no name of this target's"
    end
    local members = members_of(name)
    local outcome, detail = objection(members, name)
    if outcome ~= nil then return outcome, detail end
    if is_whole(members) then count(members, -1) end
    for _, snapshot in ipairs(members) do
        local failed = zfs.sync.destroy(snapshot)
        if failed ~= 0 then return "failed", snapshot .. ": error " .. failed .. "; others may be gone" end
    end
    return "destroyed", ""
end

count_whole()
for _, name in ipairs(arguments.names) do
    local outcome, detail = destroy(name)
    outcomes[name] = { outcome = outcome, detail = detail }
end
return outcomes
