import { redisScript } from '../store/redis/redis-script.js';

/*
 * ARGV of all of them: 1 a word, 2 the id, and at last the server's incarnation.
 * Each gives back the word as the first of its replies. What is marked `allow-oom` works on a server that is full: it makes room.
 */

/** The keys that `run` of the server gives, in its order. Scripts of one key are given that alone. */
const keys = `
local document, state, dirty, sizes, floors, removed, staged, stage, written, earlierFloors = unpack(KEYS)`;

/** @returns microseconds. */
const clock = `
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end`;

/** Revisions are microseconds of the server's clock, and grow whatever that does. @returns one that is above `least`, and what the clock says. */
const draw = `${clock}
local function draw(least)
  local now = clock()
  local last = tonumber(redis.call('HGET', state, 'revision') or '0')
  -- Above this, numbers are not exact: no clock has said so.
  if least >= 9e15 then least = 0 end
  local revision = string.format('%016.0f', math.max(last, now - 1, least) + 1)
  redis.call('HSET', state, 'revision', revision)
  return revision, string.format('%.0f', now)
end`;

/**
 * What was written or deleted here is the last word, whatever revisions the object store has: another server, whose clock was ahead, may have drawn greater
 * ones before this one took over. Of what came from that server, the greater revision is the later one.
 */
const written = `
local function markWritten() redis.call('HSET', written, ARGV[2], ARGV[#ARGV]) end
local function isWritten() return redis.call('HGET', written, ARGV[2]) == ARGV[#ARGV] end`;

const count = `
local function add(bytes)
  if bytes ~= 0 then redis.call('HINCRBY', state, 'bytes', string.format('%.0f', bytes)) end
end
local function pinned() return tonumber(redis.call('HGET', state, 'bytes') or '0') end`;

/** The document is not dirty any more, or not this one. @returns since when it was. */
const settle = `${count}
local function settle()
  redis.call('HDEL', written, ARGV[2])
  local since = redis.call('ZSCORE', dirty, ARGV[2])
  if not since then return false end
  redis.call('ZREM', dirty, ARGV[2])
  add(-tonumber(redis.call('HGET', sizes, ARGV[2]) or '0'))
  redis.call('HDEL', sizes, ARGV[2])
  return since
end`;

const floor = `
local function floor()
  local greatest = 0
  for _, key in ipairs({floors, earlierFloors, removed}) do
    greatest = math.max(greatest, tonumber(redis.call('ZSCORE', key, ARGV[2]) or '0'))
  end
  return greatest
end
local function raise(to)
  redis.call('ZADD', floors, 'GT', string.format('%.0f', to), ARGV[2])
end`;

/** Somebody else may have put a hash there. */
const text = `
local function isText() return redis.call('TYPE', document).ok == 'string' end`;

const dropStage = `
local function dropStage()
  if redis.call('ZREM', staged, ARGV[3]) == 1 then add(-redis.call('STRLEN', stage)) end
  redis.call('UNLINK', stage)
end`;

/** ARGV 3 SHA-256, 4 body, 5 budget. @returns the revision, or nothing where the budget does not allow it. */
export const putWhole = redisScript(`#!lua
${keys}${draw}${written}${settle}
local size = 52 + #ARGV[4]
if pinned() - tonumber(redis.call('HGET', sizes, ARGV[2]) or '0') + size > tonumber(ARGV[5]) then return {ARGV[1], ''} end
local since, revision, now = settle(), draw(0)
markWritten()
redis.call('SET', document, 'tcd1' .. revision .. ARGV[3] .. ARGV[4])
redis.call('ZADD', dirty, since or now, ARGV[2])
redis.call('HSET', sizes, ARGV[2], size)
add(size)
return {ARGV[1], revision}`);

/** ARGV 3 name of the stage, 4 bytes, 5 how long it is so far, 6 budget. @returns 1 appended, 0 over the budget, -1 the stage is lost. */
export const appendStage = redisScript(`#!lua
${keys}${clock}${count}
if redis.call('STRLEN', stage) ~= tonumber(ARGV[5]) then return {ARGV[1], -1} end
if pinned() + #ARGV[4] > tonumber(ARGV[6]) then return {ARGV[1], 0} end
redis.call('APPEND', stage, ARGV[4])
add(#ARGV[4])
redis.call('ZADD', staged, string.format('%.0f', clock()), ARGV[3])
return {ARGV[1], 1}`);

/** ARGV 3 name of the stage, 4 SHA-256, 5 its length. @returns the revision, or nothing where the stage is lost. */
export const commitStage = redisScript(`#!lua flags=allow-oom
${keys}${draw}${written}${settle}
if redis.call('STRLEN', stage) ~= tonumber(ARGV[5]) or redis.call('ZREM', staged, ARGV[3]) == 0 then return {ARGV[1], ''} end
local since, revision, now = settle(), draw(0)
markWritten()
redis.call('SETRANGE', stage, 0, 'tcd1' .. revision .. ARGV[4])
redis.call('UNLINK', document)
redis.call('RENAME', stage, document)
redis.call('ZADD', dirty, since or now, ARGV[2])
redis.call('HSET', sizes, ARGV[2], ARGV[5])
return {ARGV[1], revision}`);

/**
 * A copy of what the object store holds becomes the document, unless one stands there, it was deleted, or a later revision has been. What says so may be
 * forgotten if the reader's look was long ago. ARGV 3 name of the stage, 4 SHA-256, 5 its length, 6 revision, 7 life in ms, 8 when the reader has looked,
 * 9 how many microseconds ago that may be. @returns 1 kept, 0 not.
 */
export const keepCopy = redisScript(`#!lua flags=allow-oom
${keys}${clock}${written}${count}${floor}${dropStage}
local isLate = clock() - tonumber(ARGV[8]) > tonumber(ARGV[9])
local isLater = redis.call('EXISTS', document) == 1 or isWritten() or floor() >= tonumber(ARGV[6])
if isLate or isLater or redis.call('STRLEN', stage) ~= tonumber(ARGV[5]) then
  dropStage()
  return {ARGV[1], 0}
end
if redis.call('ZREM', staged, ARGV[3]) == 1 then add(-tonumber(ARGV[5])) end
redis.call('SETRANGE', stage, 0, 'tcd1' .. ARGV[6] .. ARGV[4])
redis.call('RENAME', stage, document)
redis.call('PEXPIRE', document, ARGV[7])
return {ARGV[1], 1}`);

/** ARGV 3 name of the stage. */
export const giveUpStage = redisScript(`#!lua flags=allow-oom
${keys}${count}${dropStage}
dropStage()
return {ARGV[1], 1}`);

/** ARGV 3 bytes wanted. @returns the first bytes, head included, or nil; the length of all; the greatest revision that is no longer true; 1 where it was written or deleted here and no object is known to agree; when that was. */
export const look = redisScript(`#!lua flags=no-writes,allow-oom
${keys}${clock}${written}${floor}${text}
local first = isText() and redis.call('GETRANGE', document, 0, tonumber(ARGV[3]) - 1)
return {ARGV[1], first, first and redis.call('STRLEN', document) or 0, string.format('%016.0f', floor()), isWritten() and 1 or 0, string.format('%.0f', clock())}`);

/** ARGV 3 revision, 4 from, 5 to, the last byte included. @returns the bytes, or nil where another revision stands there, or none. */
export const readPart = redisScript(`#!lua flags=no-writes,allow-oom
if redis.call('GETRANGE', KEYS[1], 4, 19) ~= ARGV[3] then return {ARGV[1], false} end
return {ARGV[1], redis.call('GETRANGE', KEYS[1], ARGV[4], ARGV[5])}`);

/**
 * The revision is in the object store: from now on it may be evicted, if it is still the one that stands there. Readers who have seen an earlier one in
 * the object store can no longer bring it back. ARGV 3 revision, 4 life in ms. @returns 1 done, 0 another revision stands there, or none.
 */
export const release = redisScript(`#!lua flags=allow-oom
${keys}${settle}${floor}
if redis.call('GETRANGE', document, 4, 19) ~= ARGV[3] then return {ARGV[1], 0} end
redis.call('PEXPIRE', document, ARGV[4])
settle()
raise(tonumber(ARGV[3]) - 1)
return {ARGV[1], 1}`);

/**
 * For what goes to the object store at once. What stands here is not the last word any more. ARGV 3 the latest revision in the object store.
 * @returns a later one.
 */
export const drawRevision = redisScript(`#!lua flags=allow-oom
${keys}${draw}
redis.call('HDEL', written, ARGV[2])
return {ARGV[1], (draw(tonumber(ARGV[3])))}`);

/** What was written or deleted here gets a later revision than ARGV 3, which the object store has. @returns 1 it has one; 0 it is not the last word. */
export const outdo = redisScript(`#!lua flags=allow-oom
${keys}${draw}${written}${floor}
if not isWritten() then return {ARGV[1], 0} end
local stands = redis.call('GETRANGE', document, 4, 19)
local revision = stands ~= '' and tonumber(stands) or floor()
if revision > tonumber(ARGV[3]) then return {ARGV[1], 1} end
local later = draw(tonumber(ARGV[3]))
if stands ~= '' then redis.call('SETRANGE', document, 4, later) else redis.call('ZADD', removed, later, ARGV[2]) end
return {ARGV[1], 1}`);

/**
 * A restore has brought back what was deleted since. What stands here gets a later revision than that deletion.
 * @returns 1 what stands has one; 0 nothing stands here.
 */
export const outlive = redisScript(`#!lua flags=allow-oom
${keys}${draw}${floor}
local stands = redis.call('GETRANGE', document, 4, 19)
if stands == '' then return {ARGV[1], 0} end
if tonumber(stands) <= floor() then redis.call('SETRANGE', document, 4, (draw(floor()))) end
return {ARGV[1], 1}`);

/** The revision went to the object store: what stands here is older, and goes. ARGV 3 revision. @returns 1 done, 0 a later one was written or deleted. */
export const passBy = redisScript(`#!lua flags=allow-oom
${keys}${written}${settle}${floor}
local stands = redis.call('GETRANGE', document, 4, 19)
if isWritten() or floor() >= tonumber(ARGV[3]) or (stands ~= '' and stands > ARGV[3]) then return {ARGV[1], 0} end
redis.call('UNLINK', document)
settle()
raise(tonumber(ARGV[3]) - 1)
return {ARGV[1], 1}`);

/** @returns the revision of the deletion. */
export const remove = redisScript(`#!lua flags=allow-oom
${keys}${draw}${written}${settle}
redis.call('UNLINK', document)
settle()
markWritten()
local revision = draw(0)
redis.call('ZADD', removed, revision, ARGV[2])
return {ARGV[1], revision}`);

/** All objects of a deleted document are gone. ARGV 3 the revision of its deletion. */
export const forgetRemoved = redisScript(`#!lua flags=allow-oom
${keys}
if tonumber(redis.call('ZSCORE', removed, ARGV[2]) or '0') ~= tonumber(ARGV[3]) then return {ARGV[1], 0} end
redis.call('ZREM', removed, ARGV[2])
if not redis.call('ZSCORE', dirty, ARGV[2]) then redis.call('HDEL', written, ARGV[2]) end
return {ARGV[1], 1}`);

/**
 * Deleted documents are looked for again once: state says up to which one. ARGV 3 and 4 revisions, 5 how many.
 * @returns the next ids after the former, up to the latter.
 */
export const takeRemoved = redisScript(`#!lua flags=allow-oom
${keys}
local after = redis.call('HGET', state, 'looked') or '0'
if tonumber(after) < tonumber(ARGV[3]) then after = ARGV[3] end
local ids = redis.call('ZRANGEBYSCORE', removed, '(' .. after, ARGV[4], 'LIMIT', 0, ARGV[5])
if #ids > 0 then redis.call('HSET', state, 'looked', redis.call('ZSCORE', removed, ids[#ids])) end
return {ARGV[1], ids}`);

/**
 * A floor stays for at least as long as it is to be before the next turn, however old its revision is. ARGV 3 that time, in microseconds.
 * @returns 1 where those from before the last turn are forgotten.
 */
export const turnFloors = redisScript(`#!lua flags=allow-oom
${keys}${clock}
local now = clock()
if now - tonumber(redis.call('HGET', state, 'turned') or '0') < tonumber(ARGV[3]) then return {ARGV[1], 0} end
redis.call('UNLINK', earlierFloors)
if redis.call('EXISTS', floors) == 1 then redis.call('RENAME', floors, earlierFloors) end
redis.call('HSET', state, 'turned', string.format('%.0f', now))
return {ARGV[1], 1}`);

/** KEYS 1 sweeper. ARGV 2 who asks, 3 for how long, in ms. @returns 1 where it is its turn. */
export const takeTurn = redisScript(`#!lua flags=allow-oom
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then return {ARGV[1], 0} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {ARGV[1], 1}`);

/** Makes the index agree with the document, whatever somebody else has done to it. @returns 1 it was dirty and not known so, 2 it was gone, or no document stands there, 0 all was well. */
export const reconcile = redisScript(`#!lua flags=allow-oom
${keys}${clock}${settle}${text}
local known = redis.call('ZSCORE', dirty, ARGV[2])
if known and not isText() then settle() return {ARGV[1], 2} end
if not isText() or redis.call('PTTL', document) ~= -1 or redis.call('GETRANGE', document, 0, 3) ~= 'tcd1' then return {ARGV[1], 0} end
local size, counted = redis.call('STRLEN', document), 0
if known then
  counted = tonumber(redis.call('HGET', sizes, ARGV[2]) or '0')
else
  local now = clock()
  local since = math.min(now, tonumber(redis.call('GETRANGE', document, 4, 19)) or now)
  redis.call('ZADD', dirty, string.format('%.0f', since), ARGV[2])
end
if size ~= counted then redis.call('HSET', sizes, ARGV[2], size) end
add(size - counted)
return {ARGV[1], known and 0 or 1}`);

/**
 * What can't be evicted is counted anew: a restore has brought the sum of another moment. So many that the server would be held up wait for another time.
 * ARGV 3 with what the keys of stages begin, 4 how many are counted at most. @returns 1 done, 0 there are more.
 */
export const recount = redisScript(`#!lua flags=allow-oom
${keys}
if redis.call('HLEN', sizes) + redis.call('ZCARD', staged) > tonumber(ARGV[4]) then return {ARGV[1], 0} end
local bytes, counted = 0, redis.call('HGETALL', sizes)
for at = 1, #counted, 2 do
  if redis.call('ZSCORE', dirty, counted[at]) then bytes = bytes + tonumber(counted[at + 1])
  else redis.call('HDEL', sizes, counted[at]) end
end
for _, name in ipairs(redis.call('ZRANGE', staged, 0, -1)) do bytes = bytes + redis.call('STRLEN', ARGV[3] .. name) end
if bytes ~= tonumber(redis.call('HGET', state, 'bytes') or '0') then redis.call('HSET', state, 'bytes', string.format('%.0f', bytes)) end
return {ARGV[1], 1}`);
