import { maxCounter } from '../sound-counter.js';
import { foreignHeadBytes, foreignHeadInLua } from './foreign-item.js';
import { itemHeadBytes } from './redis-item.js';
import { redisScript } from './redis-script.js';

/*
 * Each script gives back the word that it was called with, as the first of its replies: a reply to another command is found out by it.
 *
 * A script that is marked `allow-oom` runs on a server that is full: what is no longer true must be able to go there as well.
 *
 * Somebody else may have put a list where a text belongs. A command that fails on it would end a script halfway: reads of texts are `pcall`s.
 */

/** Sets `stands` to what of the item is compared: the head of an item, all of a counter, the digest of what is neither; false: nothing is there. */
const standing = (key: string, expected: string): string => `
  if ${expected}:byte(1) == 33 then ${foreignHeadInLua(key)}
  else
    if ${expected}:byte(1) == 1 then stands = redis.pcall('GETRANGE', ${key}, 0, 8)
    else stands = redis.pcall('GET', ${key}) end
    if type(stands) == 'table' then stands = 'no text' end
    if stands == '' then stands = false end
    if stands and stands:byte(1) == 2 and #stands == 9 then stands = string.char(1) .. stands:sub(2) end
  end`;

/** Of Lua: what stands there as a text, empty where nothing does or no text; and how long it is. */
const texts = `
local function isText(key) return type(redis.pcall('STRLEN', key)) == 'number' end
local function textOf(key)
  local text = redis.pcall('GET', key)
  return type(text) == 'string' and text or ''
end
local function lengthOf(key)
  local length = redis.pcall('STRLEN', key)
  return type(length) == 'number' and length or 0
end
local function headOf(key)
  local head = redis.pcall('GETRANGE', key, 0, ${foreignHeadBytes - 1})
  return type(head) == 'string' and (head ~= '' or redis.call('EXISTS', key) == 1) and head
end`;

/**
 * Tells what stands under a key from a reply to another command.
 *
 * KEYS item · ARGV word. @returns its first bytes; nothing where no text is.
 */
export const lookAgain = redisScript(`#!lua flags=no-writes
${texts}
return {ARGV[1], headOf(KEYS[1])}`);

/** How many keys the server looks at at a time; it serves nobody else meanwhile. */
const keysPerPage = 1_000;

/**
 * SCAN itself names no key, and a server would list what it has of a slot that is another's by now: the script is refused there.
 *
 * KEYS in a Cluster: what all keys of the partition begin with · ARGV word, cursor, pattern. @returns the next cursor, keys.
 */
export const scanKeys = redisScript(`#!lua flags=no-writes
local page = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ${keysPerPage})
return {ARGV[1], page[1], page[2]}`);

/**
 * What is no text is replaced: no process of ours has written it.
 *
 * KEYS item · ARGV word, bytes, life in ms or nothing. @returns 1 stored, 0 something is there.
 */
export const writeIfAbsent = redisScript(`#!lua
${texts}
if isText(KEYS[1]) and redis.call('EXISTS', KEYS[1]) == 1 then return {ARGV[1], 0} end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {ARGV[1], 1}`);

/** Who waits for an item listens here. */
export const itemChannel = (wireKey: string): string => `${wireKey}~wake`;
const wake = `redis.call(ARGV[#ARGV], KEYS[1] .. '~wake', '')`;

/**
 * A stub that replaces a stub wakes nobody: a lease was renewed.
 *
 * KEYS item · ARGV word, expected, bytes, life in ms or nothing, PUBLISH or SPUBLISH. @returns 1 stored, 0 changed.
 */
export const writeIf = redisScript(`#!lua
local stands
${standing('KEYS[1]', 'ARGV[2]')}
if stands ~= ARGV[2] then return {ARGV[1], 0} end
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
if #ARGV[3] > ${itemHeadBytes} then ${wake} end
return {ARGV[1], 1}`);

/** KEYS item · ARGV word, expected, PUBLISH or SPUBLISH. @returns 1 removed, 0 absent, 2 changed. */
export const removeIf = redisScript(`#!lua flags=allow-oom
local stands
${standing('KEYS[1]', 'ARGV[2]')}
if not stands then return {ARGV[1], 0} end
if stands ~= ARGV[2] then return {ARGV[1], 2} end
redis.call('UNLINK', KEYS[1])
${wake}
return {ARGV[1], 1}`);

/** KEYS counter · ARGV word, by, seed, life or nothing. @returns the sum as digits: a number of Lua would be rounded on its way. */
export const increment = redisScript(`#!lua
${texts}
if redis.call('EXISTS', KEYS[1]) == 0 or not isText(KEYS[1]) then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('INCRBY', KEYS[1], ARGV[2]) end
if ARGV[4] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return {ARGV[1], redis.call('GET', KEYS[1])}`);

/**
 * KEYS counter · ARGV word, least number, life in ms from when the clock has come to the number.
 * @returns the number as digits, and 1 where something stood there that no draw has written.
 */
export const drawNumber = redisScript(`#!lua
local stands = redis.pcall('GET', KEYS[1])
if type(stands) ~= 'string' then stands = stands and 'no text' or '' end
local number = stands:match('^%d+$') and #stands <= 16 and tonumber(stands) or 0
if number >= ${maxCounter} then number = 0 end
local begunAnew = number == 0 and stands ~= '' and 1 or 0
local now = redis.call('TIME')
local micros = tonumber(now[1]) * 1000000 + tonumber(now[2])
number = math.max(number + 1, tonumber(ARGV[2]), micros)
local digits = string.format('%.0f', number)
redis.call('SET', KEYS[1], digits, 'PX', string.format('%.0f', math.ceil((number - micros) / 1000) + ARGV[3]))
return {ARGV[1], digits, begunAnew}`);

/** How long a segment may grow before it is followed by another. */
export const segmentBytes = 16_384;
/** Readers that are further behind have a gap; what they would have needed goes. */
const keptSegments = 300;
const retiredLifeMs = 3_600_000;

/** Of Lua: where the feed stands, by the text of its counter; nothing where no process of ours has counted to. */
export const numbers = `
${texts}
local function numbered(number) return KEYS[1] .. ':' .. string.format('%.0f', number) end
local function placeOf(key)
  local number, lineage = textOf(key):match('^(%d+) ([%w_-]+)$')
  number = tonumber(number)
  if number and number <= ${maxCounter} then return number, lineage end
end`;

/**
 * Where the feed stands. Its counter holds `number lineage`; a segment is the byte `f` and what was appended to it. A lineage whose counter or last segment
 * was lost is followed by another, and a mark of the earlier one is a gap.
 */
export const place = `
${numbers}
local function place(seed, fresh)
  local number, lineage = placeOf(KEYS[1])
  if number and lengthOf(numbered(number)) > 0 then return number, lineage end
  number = math.max(tonumber(seed), number and number + 1 or 0)
  redis.call('SET', numbered(number), 'f')
  redis.call('SET', KEYS[1], string.format('%.0f ', number) .. fresh)
  return number, fresh
end`;

const perChange = 4;
const changesFrom = 8;

/**
 * The place of the feed comes first: where a slot is on its way, it fails by a segment that is there already before anything was changed. Every invalidation
 * runs this, so it asks and makes as little as it can: functions, and numbers out of text, only where a segment begins.
 *
 * KEYS feed's counter, watched item, then the item of each change · ARGV word, frames or nothing, seed and id of a new lineage, channel, PUBLISH or SPUBLISH, who tells, then per change
 * what is done, bytes, life, and condition: nothing, `absent`, or what is expected.
 * @returns word, head of the watched item, then what became of each change.
 */
const invalidation = `
local call, pcall, KEYS, ARGV = redis.call, redis.pcall, KEYS, ARGV
local reply, segment = {ARGV[1], false}
if ARGV[2] ~= '' then
  local size
  local stood = pcall('GET', KEYS[1])
  local number, lineage = (type(stood) == 'string' and stood or ''):match('^([1-9]%d*) ([%w_-]+)$')
  if number and tonumber(number) <= ${maxCounter} then
    segment = KEYS[1] .. ':' .. number
    size = pcall('STRLEN', segment)
    if size == 0 or type(size) ~= 'number' then size = nil end
  end
  if not size or size >= ${segmentBytes} then
    local begun = segment and tonumber(number) + 1 or 0
    if not size then begun, lineage = math.max(tonumber(ARGV[3]), begun), ARGV[4] end
    local before = segment
    segment = KEYS[1] .. ':' .. string.format('%.0f', begun)
    call('SET', segment, 'f')
    if size then call('PEXPIRE', before, ${retiredLifeMs}) end
    call('SET', KEYS[1], string.format('%.0f ', begun) .. lineage)
    if size then pcall('UNLINK', KEYS[1] .. ':' .. string.format('%.0f', begun - ${keptSegments})) end
  end
end
for i = 3, #KEYS do
  local at = ${changesFrom} + (i - 3) * ${perChange}
  local key, verb, bytes, life, condition = KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local answer = 1
  if verb == 'remove' then
    call('UNLINK', key)
  elseif verb == 'advance' then
    local sum = call('EXISTS', key) == 1 and pcall('INCRBY', key, bytes)
    if type(sum) ~= 'number' then call('SET', key, life) end
  else
    local holds = true
    if condition == 'absent' then holds = call('EXISTS', key) == 0 or type(pcall('STRLEN', key)) ~= 'number'
    elseif condition ~= '' then
      local stands
      ${standing('key', 'condition')}
      holds = stands == condition
    end
    if not holds then
      answer = 0
    elseif verb == 'refuse' then
      if condition ~= 'absent' then call('UNLINK', key) end
    elseif life == '' then
      call('SET', key, bytes)
    else
      call('SET', key, bytes, 'PX', life)
    end
  end
  reply[i] = answer
end
if segment then
  call('APPEND', segment, ARGV[2])
  call(ARGV[6], ARGV[5], ARGV[7])
end
local head = pcall('GETRANGE', KEYS[2], 0, ${foreignHeadBytes - 1})
if type(head) == 'string' and (head ~= '' or call('EXISTS', KEYS[2]) == 1) then reply[2] = head end
return reply`;

/** For changes that take memory. */
export const changeAndAppend = redisScript(`#!lua${invalidation}`);
/** For changes that take none, or give some back. */
export const removeAndAppend = redisScript(`#!lua flags=allow-oom${invalidation}`);

/**
 * Every process runs this each second, and mostly nothing is new: it asks for the watched item, the counter, and the length of one segment.
 *
 * KEYS counter, watched item · ARGV word, lineage or nothing, number and offset of the mark, bytes that a reader may be behind.
 * @returns word, watched item, `at` or why there is a gap, and where the feed stands: number, lineage, offset; then what was appended.
 */
export const readSegments = redisScript(`#!lua flags=no-writes
${numbers}
local watched = redis.pcall('GET', KEYS[2])
local reply = {ARGV[1], type(watched) == 'string' and watched, 'lost'}
local number, lineage = placeOf(KEYS[1])
if not number then return reply end
local size = lengthOf(numbered(number))
if size == 0 then return reply end
reply[3], reply[4], reply[5], reply[6] = 'at', string.format('%.0f', number), lineage, size
if ARGV[2] == '' then return reply end
if ARGV[2] ~= lineage then reply[3] = 'the feed was made anew' return reply end
local first, last, behind = tonumber(ARGV[3]), number, 0
if first > last then reply[3] = 'the counter went back' return reply end
if (last - first - 1) * ${segmentBytes} > tonumber(ARGV[5]) then reply[3] = 'too far behind' return reply end
local chunks = {}
for each = first, last do
  local from, length = 1, each == number and size or lengthOf(numbered(each))
  if each == first then from = tonumber(ARGV[4]) end
  if length < from or length == 0 then reply[3] = 'a segment was lost or is shorter than it was' return reply end
  behind = behind + length - from
  if behind > tonumber(ARGV[5]) then reply[3] = 'too far behind' return reply end
  if length > from then chunks[#chunks + 1] = redis.call('GETRANGE', numbered(each), from, -1) end
end
for i = 1, #chunks do reply[6 + i] = chunks[i] end
return reply`);
