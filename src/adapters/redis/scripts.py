"""What Redis does in one step, in its Lua.

Keys, after the prefix; T is a tenant and I an id, both quoted:

    r:T:I  hash    a response: b its bytes, s 1 while it runs, p the id it continues
    e:T:I  list    its events: the number of an event is its place
    c:T:I  hash    a conversation: a when it was made, m its metadata, n the place of the next item
    o:T:I  zset    its items' ids by place
    i:T:I  hash    its items
    u      zset    T:I of responses by last use; what runs is used for ever
    u:T    zset    the same of one tenant
    w, w:T zset    conversations by last write
    x:T    zset    r:I and c:I by the time they were made
    n      set     T:I of background responses that run
    t      set     tenants
    l:T:I  string  the holder of a lease
    p:T:D  string  the proof of a call, whose id has the digest D
    q      zset    T:D of proofs by when they were kept
    q:T    zset    the digests of one tenant's

Each script checks first and writes then: Redis takes nothing back when a script fails.
"""

from .server import Script

FOREVER = "1e18"
"""The last use of what runs, in seconds."""

_PLACES = """
local P = ARGV[1]
local function place(kind, tenant, id)
  return P .. kind .. ':' .. tenant .. ':' .. id
end
"""

_DROPPING = """
local function drop(kind, tenant, id)
  local name = tenant .. ':' .. id
  local index
  if kind == 'r' then
    index = 'u'
    redis.call('UNLINK', place('r', tenant, id), place('e', tenant, id))
    redis.call('SREM', P .. 'n', name)
  else
    index = 'w'
    redis.call('UNLINK', place('c', tenant, id), place('o', tenant, id), place('i', tenant, id))
  end
  redis.call('ZREM', P .. index, name)
  redis.call('ZREM', P .. index .. ':' .. tenant, id)
  redis.call('ZREM', P .. 'x:' .. tenant, kind .. ':' .. id)
end
"""

_EXTENDING = """
local function refusal(tenant, id, first, last, most)
  local count = redis.call('ZCARD', place('o', tenant, id))
  if count + (last - first + 1) / 2 > most then return {'many'} end
  local seen = {}
  for n = first, last, 2 do
    local item = ARGV[n]
    if seen[item] or redis.call('HEXISTS', place('i', tenant, id), item) == 1 then
      return {'there', item}
    end
    seen[item] = true
  end
  return nil
end
local function written(tenant, id, now)
  redis.call('ZADD', P .. 'w', now, tenant .. ':' .. id)
  redis.call('ZADD', P .. 'w:' .. tenant, now, id)
end
local function extend(tenant, id, first, last, now)
  for n = first, last, 2 do
    local at = redis.call('HINCRBY', place('c', tenant, id), 'n', 1)
    redis.call('ZADD', place('o', tenant, id), at, ARGV[n])
    redis.call('HSET', place('i', tenant, id), ARGV[n], ARGV[n + 1])
  end
  written(tenant, id, now)
end
"""

KEEP = Script(
    _PLACES
    + _EXTENDING
    + """
local mode, tenant, id, body, runs, background, previous, created, now =
  ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local conversation, most = ARGV[11], tonumber(ARGV[12])
local key, name = place('r', tenant, id), tenant .. ':' .. id
local state = redis.call('HGET', key, 's')
if mode == 'add' and state then return {'taken'} end
if mode == 'settle' and state ~= '1' then return {'late'} end
local extends = conversation ~= '' and
  redis.call('EXISTS', place('c', tenant, conversation)) == 1
if extends then
  local refused = refusal(tenant, conversation, 13, #ARGV, most)
  if refused then return refused end
end
redis.call('HSET', key, 'b', body, 's', runs)
if previous ~= '' then redis.call('HSET', key, 'p', previous) end
local used = runs == '1' and '"""
    + FOREVER
    + """' or now
redis.call('ZADD', P .. 'u', used, name)
redis.call('ZADD', P .. 'u:' .. tenant, used, id)
redis.call('ZADD', P .. 'x:' .. tenant, created, 'r:' .. id)
redis.call('SADD', P .. 't', tenant)
if runs == '1' and background == '1' then
  redis.call('SADD', P .. 'n', name)
else
  redis.call('SREM', P .. 'n', name)
end
if extends then extend(tenant, conversation, 13, #ARGV, now) end
return {'kept'}
"""
)
"""Add or settle a response, with what it adds to its conversation."""

FIND = Script(
    _PLACES
    + """
local tenant, id, over = ARGV[2], ARGV[3], tonumber(ARGV[4])
local used = redis.call('ZSCORE', P .. 'u:' .. tenant, id)
if not used or tonumber(used) <= over then return false end
return redis.call('HGET', place('r', tenant, id), 'b')
"""
)

CHAIN = Script(
    _PLACES
    + """
local tenant, link, over, now, stale =
  ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local found, seen, old = {}, {}, {}
while link do
  if seen[link] then return {} end
  seen[link] = true
  local used = redis.call('ZSCORE', P .. 'u:' .. tenant, link)
  if not used then return {} end
  used = tonumber(used)
  if used <= over then return {} end
  if used <= stale then old[#old + 1] = link end
  local held = redis.call('HMGET', place('r', tenant, link), 'b', 'p')
  found[#found + 1] = link
  found[#found + 1] = held[1]
  link = held[2]
end
for _, id in ipairs(old) do
  redis.call('ZADD', P .. 'u', now, tenant .. ':' .. id)
  redis.call('ZADD', P .. 'u:' .. tenant, now, id)
end
return found
"""
)
"""Return id and bytes of each link, the last first; nothing if one is missing."""

FORGET = Script(
    _PLACES
    + _DROPPING
    + """
local tenant, id, over = ARGV[2], ARGV[3], tonumber(ARGV[4])
local used = redis.call('ZSCORE', P .. 'u:' .. tenant, id)
if not used then return 0 end
drop('r', tenant, id)
if tonumber(used) <= over then return 0 end
return 1
"""
)

ABANDONED = Script(
    _PLACES
    + """
local free = {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'n')) do
  if redis.call('EXISTS', P .. 'l:' .. name) == 0 then free[#free + 1] = name end
end
return free
"""
)

ADD_CONVERSATION = Script(
    _PLACES
    + _EXTENDING
    + """
local tenant, id, created, metadata, now, most =
  ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
if redis.call('EXISTS', place('c', tenant, id)) == 1 then return {'taken'} end
local refused = refusal(tenant, id, 8, #ARGV, most)
if refused then return refused end
redis.call('HSET', place('c', tenant, id), 'a', created, 'm', metadata, 'n', 0)
redis.call('ZADD', P .. 'x:' .. tenant, created, 'c:' .. id)
redis.call('SADD', P .. 't', tenant)
extend(tenant, id, 8, #ARGV, now)
return {'kept'}
"""
)

RELABEL = Script(
    _PLACES
    + _EXTENDING
    + """
local tenant, id, metadata, now = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = place('c', tenant, id)
local created = redis.call('HGET', key, 'a')
if not created then return false end
redis.call('HSET', key, 'm', metadata)
written(tenant, id, now)
return created
"""
)

FORGET_CONVERSATION = Script(
    _PLACES
    + _DROPPING
    + """
local tenant, id = ARGV[2], ARGV[3]
if redis.call('EXISTS', place('c', tenant, id)) == 0 then return 0 end
drop('c', tenant, id)
return 1
"""
)

ITEMS = Script(
    _PLACES
    + """
local tenant, id = ARGV[2], ARGV[3]
local head = redis.call('HMGET', place('c', tenant, id), 'a', 'm')
if not head[1] then return false end
local found = {head[1], head[2]}
for _, item in ipairs(redis.call('ZRANGE', place('o', tenant, id), 0, -1)) do
  found[#found + 1] = item
  found[#found + 1] = redis.call('HGET', place('i', tenant, id), item)
end
return found
"""
)
"""Return when a conversation was made, its metadata, then id and bytes of each item."""

APPEND = Script(
    _PLACES
    + _EXTENDING
    + """
local tenant, id, now, most = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('EXISTS', place('c', tenant, id)) == 0 then return {'gone'} end
local refused = refusal(tenant, id, 6, #ARGV, most)
if refused then return refused end
extend(tenant, id, 6, #ARGV, now)
return {'kept'}
"""
)

FORGET_ITEM = Script(
    _PLACES
    + _EXTENDING
    + """
local tenant, id, item, now = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HDEL', place('i', tenant, id), item) == 0 then return 0 end
redis.call('ZREM', place('o', tenant, id), item)
written(tenant, id, now)
return 1
"""
)

THIN = Script(
    _PLACES
    + _DROPPING
    + """
local kind, tenant, most, upto, slice =
  ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local index = P .. (kind == 'r' and 'u' or 'w') .. (tenant ~= '' and ':' .. tenant or '')
local count = math.min(redis.call('ZCARD', index) - most, slice)
if count <= 0 then return 0 end
local going = redis.call('ZRANGEBYSCORE', index, '-inf', upto, 'LIMIT', 0, count)
for _, name in ipairs(going) do
  if tenant ~= '' then
    drop(kind, tenant, name)
  else
    local colon = string.find(name, ':', 1, true)
    drop(kind, string.sub(name, 1, colon - 1), string.sub(name, colon + 1))
  end
end
return #going
"""
)
"""Delete the oldest beyond `most` that were last used up to then; return how many."""

EMPTY = Script(
    _PLACES
    + """
local tenant = ARGV[2]
if redis.call('EXISTS', P .. 'x:' .. tenant) == 1 then return 0 end
return redis.call('SREM', P .. 't', tenant)
"""
)
"""Forget a tenant who has nothing."""

ERASE = Script(
    _PLACES
    + _DROPPING
    + """
local tenant, slice = ARGV[2], tonumber(ARGV[3])
local going = redis.call('ZRANGE', P .. 'x:' .. tenant, 0, slice - 1)
for _, name in ipairs(going) do
  drop(string.sub(name, 1, 1), tenant, string.sub(name, 3))
end
return #going
"""
)

NAMES = Script("return redis.call('ZSCAN', ARGV[1] .. 'x:' .. ARGV[2], ARGV[3], 'COUNT', 1000)")
"""Return where to go on, and some names of what a tenant has with the times they were made."""

LOG = Script(
    _PLACES
    + """
local tenant, id, number = ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('HGET', place('r', tenant, id), 's') ~= '1' then return -1 end
local key = place('e', tenant, id)
local due = redis.call('LLEN', key)
if due ~= number then return due end
for n = 5, #ARGV do redis.call('RPUSH', key, ARGV[n]) end
return -2
"""
)
"""Add events; return -2 if that was done, -1 if the response runs no more, else the number due."""

RENEW = Script(
    """
local held = {}
for n = 4, #ARGV do
  local key = ARGV[1] .. 'l:' .. ARGV[n]
  if redis.call('GET', key) == ARGV[2] then
    redis.call('PEXPIRE', key, ARGV[3])
    held[#held + 1] = n - 4
  end
end
return held
"""
)

RELEASE = Script(
    """
local key = ARGV[1] .. 'l:' .. ARGV[3]
if redis.call('GET', key) == ARGV[2] then return redis.call('UNLINK', key) end
return 0
"""
)

KEEP_PROOFS = Script(
    """
local P, tenant, now, life = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local over, of_one, of_all = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
for n = 8, #ARGV, 2 do
  redis.call('SET', P .. 'p:' .. tenant .. ':' .. ARGV[n], ARGV[n + 1], 'PX', life)
  redis.call('ZADD', P .. 'q:' .. tenant, now, ARGV[n])
  redis.call('ZADD', P .. 'q', now, tenant .. ':' .. ARGV[n])
end
redis.call('PEXPIRE', P .. 'q:' .. tenant, life)
redis.call('PEXPIRE', P .. 'q', life)
redis.call('ZREMRANGEBYSCORE', P .. 'q:' .. tenant, '-inf', over)
redis.call('ZREMRANGEBYSCORE', P .. 'q', '-inf', over)
local excess = redis.call('ZCARD', P .. 'q:' .. tenant) - of_one
if excess > 0 then
  for _, call in ipairs(redis.call('ZRANGE', P .. 'q:' .. tenant, 0, excess - 1)) do
    redis.call('UNLINK', P .. 'p:' .. tenant .. ':' .. call)
    redis.call('ZREM', P .. 'q:' .. tenant, call)
    redis.call('ZREM', P .. 'q', tenant .. ':' .. call)
  end
end
excess = redis.call('ZCARD', P .. 'q') - of_all
if excess > 0 then
  for _, name in ipairs(redis.call('ZRANGE', P .. 'q', 0, excess - 1)) do
    local colon = string.find(name, ':', 1, true)
    redis.call('UNLINK', P .. 'p:' .. name)
    redis.call('ZREM', P .. 'q:' .. string.sub(name, 1, colon - 1), string.sub(name, colon + 1))
    redis.call('ZREM', P .. 'q', name)
  end
end
return 1
"""
)

ERASE_PROOFS = Script(
    """
local P, tenant = ARGV[1], ARGV[2]
local going = redis.call('ZRANGE', P .. 'q:' .. tenant, 0, tonumber(ARGV[3]) - 1)
for _, call in ipairs(going) do
  redis.call('UNLINK', P .. 'p:' .. tenant .. ':' .. call)
  redis.call('ZREM', P .. 'q:' .. tenant, call)
  redis.call('ZREM', P .. 'q', tenant .. ':' .. call)
end
return #going
"""
)
