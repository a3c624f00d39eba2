// What others may have put at a path, and what of it is used: the only file of lib/ that opens, renames or removes
// what is not provably this process's own. The table of SECURITY.md, "Whom a path is trusted with", says why.
//
// Trusted are the user of this process and root. Everything else follows from who can put another thing under
// a name: the owner of the directory that has the name, whoever may write to it, and, where it has the sticky
// bit, not those whom the thing does not belong to. A check of a path holds for as long as only trusted ones
// can do that, so it need not be one step with the use; where others can, what is opened is checked by its
// descriptor. Nothing is opened through a link, and nothing that would wait, as a FIFO does.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ScoreboardError } from './errors'
import { randomName } from './random-name'
import { isNobodyKnown, userText } from './users'

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const OTHERS_WRITE = 0o022
const STICKY = 0o1000
const SET_GROUP_ID = 0o2000
/** As many links as the kernel follows in one path. */
const MAX_LINKS = 40
/** Parents that are made on the way: for everybody to pass, and for nobody else to write. */
const PARENT_MODE = 0o755

/** Whether the user whom something at a path belongs to can do all that this process can anyway. */
export function isTrusted(uid: number, file: string): boolean {
  return uid === 0 || (uid === process.geteuid?.() && (!isNobodyKnown(uid) || canGiveToItself(uid, file)))
}

/** The kernel tells users of one number apart: only the owner may give it to its owner. */
function canGiveToItself(uid: number, file: string): boolean {
  try {
    lchownSync(file, uid, -1)
    return true
  } catch {
    return false
  }
}

/** The error that says why something is not used. */
export function refuse(file: string, why: string): ScoreboardError {
  return new ScoreboardError('ERR_INSECURE_PATH', `Cannot use ${file}: ${why}`)
}

const SWAP = 'put something else in the place of what is in it'
const SWAP_REMEDY =
  "use a place where only you and root may write to the directories above, or, where there is nobody else, as in a container of your own, set the option 'allowSharedDirectory'"

function octal(mode: number): string {
  return `0${mode.toString(8)}`
}

function linkError(file: string): ScoreboardError {
  return refuse(file, 'it is a symbolic link, which might lead anywhere; name the real directory')
}

function ownerError(file: string, uid: number, could: string, remedy: string): ScoreboardError {
  return refuse(
    file,
    `it belongs to ${userText(uid)}, who could ${could}; ${remedy} (user ${process.geteuid?.()})`,
  )
}

/** The directory itself, not what a link leads to. ENOTDIR where it is something else. */
export function directoryAt(directory: string): Stats {
  const stats = lstatSync(directory)
  if (stats.isSymbolicLink()) throw linkError(directory)
  if (stats.isDirectory()) return stats
  const details = { code: 'ENOTDIR', errno: -20, syscall: 'lstat', path: directory }
  throw Object.assign(new Error(`${directory}: this is not a directory`), details)
}

/**
 * A directory in which things are made, written and removed: of this user or root, and nobody writes to it whom
 * `mode`, the bits of the files in it, does not let write; without, nobody else.
 */
export function checkDirectory(directory: string, mode?: number): Stats {
  const stats = directoryAt(directory)
  if (!isTrusted(stats.uid, directory)) {
    throw ownerError(
      directory,
      stats.uid,
      'replace everything in it',
      'use a directory of your own or of root',
    )
  }
  if ((stats.mode & OTHERS_WRITE & ~(mode ?? 0)) !== 0) {
    const remedy = mode === undefined ? '' : `, or allow them with the option 'mode' (now ${octal(mode)})`
    throw refuse(directory, `others may write to it (mode ${octal(stats.mode & 0o7777)}); chmod it${remedy}`)
  }
  return stats
}

/**
 * A directory that only holds one of ours by its name, and all the directories and links that lead to it: nobody
 * else can put another one under that name, now or later. What lies in a sticky directory only its owner can
 * replace; a group of its owner's number is the owner's private one, as most systems give each user, unless
 * `hasAcl` says that the group's bits stand for others too.
 */
export function checkWayTo(directory: string, hasAcl: (directory: string) => boolean): void {
  const rest = resolve(directory).split('/').filter(Boolean)
  let links = 0
  for (let at = '/'; ; ) {
    checkStep(at, hasAcl)
    const name = rest.shift()
    if (name === undefined) return
    const next = join(at, name)
    const stats = name === '..' ? undefined : lstatSync(next)
    if (stats?.isSymbolicLink() !== true) {
      at = next
      continue
    }
    // Whose link it is says who can point it elsewhere.
    if (!isTrusted(stats.uid, next)) {
      throw ownerError(next, stats.uid, 'point this link elsewhere', 'use a path of your own or of root')
    }
    if (++links > MAX_LINKS) throw refuse(directory, 'its path has too many symbolic links')
    const target = readlinkSync(next)
    if (target.startsWith('/')) at = '/'
    rest.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'))
  }
}

function checkStep(directory: string, hasAcl: (directory: string) => boolean): void {
  const { uid, gid, mode } = directoryAt(directory)
  if (!isTrusted(uid, directory)) {
    throw refuse(directory, `it belongs to ${userText(uid)}, who could ${SWAP}; ${SWAP_REMEDY}`)
  }
  if ((mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0) return
  if ((mode & 0o002) === 0 && gid === uid && !hasAcl(directory)) return
  throw refuse(
    directory,
    `others may write to it (mode ${octal(mode & 0o7777)}), who could ${SWAP}; chmod it, or ${SWAP_REMEDY}`,
  )
}

/** A file that a library is about to open by its name, as this user or root has left it; undefined: there is none. */
export function checkFile(file: string): Stats | undefined {
  const stats = statsOf(file)
  if (stats === undefined) return undefined
  if (stats.isSymbolicLink())
    throw refuse(file, 'it is a symbolic link, which might lead anywhere; remove it')
  if (!stats.isFile()) throw refuse(file, 'it is not a regular file; remove it')
  if (!isTrusted(stats.uid, file))
    throw ownerError(file, stats.uid, 'change it', 'use a file of your own or of root')
  if ((stats.mode & OTHERS_WRITE) !== 0) {
    throw refuse(file, `others may write to it (mode ${octal(stats.mode & 0o7777)}); chmod it`)
  }
  if (stats.nlink > 1)
    throw refuse(file, `it has ${stats.nlink} names (hard links); remove it, or the others`)
  return stats
}

/** What is at a path, links not followed; undefined: nothing. */
export function statsOf(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false })
}

export function isRegularFile(file: string): boolean {
  return statsOf(file)?.isFile() === true
}

/** Whether something has that name. EACCES where this process may not know. */
export function isThere(file: string): boolean {
  if (existsSync(file)) return true
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false
    throw error
  }
}

/** The names in a directory; undefined when it is missing. */
export function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Opens a regular file to read it; whoever puts it under that name. ELOOP: it is a link. */
export function openToRead(file: string): { descriptor: number; stats: Stats } {
  const descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new Error(`${basename(file)} is not a regular file`)
    return { descriptor, stats }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Fills `bytes` from an open file; returns how many it had. */
export function readInto(descriptor: number, bytes: Buffer): number {
  let length = 0
  while (length < bytes.length) {
    const count = readSync(descriptor, bytes, length, bytes.length - length, length)
    if (count === 0) break
    length += count
  }
  return length
}

/** A regular file of at most `maxBytes`; undefined: there is none. */
export function readWhole(file: string, maxBytes: number): Buffer | undefined {
  let opened: ReturnType<typeof openToRead>
  try {
    opened = openToRead(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { descriptor, stats } = opened
  try {
    if (stats.size > maxBytes) throw new Error(`${file} has ${stats.size} bytes, more than ${maxBytes}`)
    const bytes = Buffer.allocUnsafe(stats.size)
    return bytes.subarray(0, readInto(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}

/** Makes a file that was not there, with exactly these permission bits: the umask is for programs that were not told. */
export function createFile(file: string, mode: number): number {
  const descriptor = openSync(file, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_NOFOLLOW, mode)
  try {
    fchmodSync(descriptor, mode)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    removeFile(file)
    throw error
  }
}

/**
 * Opens a file to write behind what it has: one that is missing, or a regular file of this user or root with no other
 * name; not what another has put under that name to have something else changed, or to read along.
 */
export function openToAppend(file: string): number {
  const descriptor = openSync(file, O_CREAT | O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o666)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw refuse(file, 'it is not a regular file; remove it')
    if (!isTrusted(stats.uid, file))
      throw ownerError(file, stats.uid, 'read along', 'use a directory of your own or of root')
    if (stats.nlink > 1)
      throw refuse(file, `it has ${stats.nlink} names (hard links); remove it, or the others`)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Opens a file that was not there, with the bits that the umask leaves. EEXIST: something has that name. */
export function openNew(file: string): number {
  return openSync(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o666)
}

/** Writes a new file whole, or leaves none. */
export function writeNew(file: string, bytes: Uint8Array, mode: number, sync = false): void {
  const descriptor = createFile(file, mode)
  let isWhole = false
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    if (sync) fsyncSync(descriptor)
    isWhole = true
  } finally {
    closeSync(descriptor)
    if (!isWhole) removeFile(file)
  }
}

/**
 * Puts a whole file in the place of whatever has that name, or changes nothing; the bytes are on the disk before the
 * name is given. The temporary name is `<file>.<12 hex>.tmp`. `beforehand` is called in between.
 */
export function replaceFile(file: string, bytes: Uint8Array, mode: number, beforehand?: () => void): void {
  const temporary = `${file}.${randomName(6)}.tmp`
  writeNew(temporary, bytes, mode, true)
  try {
    beforehand?.()
    renameSync(temporary, file)
  } catch (error) {
    removeFile(temporary)
    throw error
  }
}

/** Whether there was one, by that very name. Never a directory, never what a link leads to. */
export function removeFile(file: string): boolean {
  try {
    unlinkSync(file)
    return true
  } catch {
    return false
  }
}

/**
 * Removes the regular files of a directory whose names `isOurs` knows, and then the directory, if that was all;
 * false: something else is in it, which stays. REQUIRES: nobody else may write to it.
 */
export function removeFolder(folder: string, isOurs: (name: string) => boolean): boolean {
  for (const name of namesIn(folder) ?? []) {
    const file = join(folder, name)
    if (isOurs(name) && isRegularFile(file)) removeFile(file)
  }
  return removeEmpty(folder)
}

/** Removes a directory that has nothing in it; false: it stays. */
export function removeEmpty(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** Makes a directory with exactly these bits; false: something of that name is there. */
export function makeDirectory(directory: string, mode: number): boolean {
  try {
    mkdirSync(dirname(directory), { recursive: true, mode: PARENT_MODE })
    mkdirSync(directory, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  // By its descriptor: another may have taken its name already, and a link there leads anywhere.
  const descriptor = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const { uid, mode: made } = fstatSync(descriptor)
    // With the bit of a directory above, by which what is made in it is of its group.
    if (uid === process.geteuid?.()) fchmodSync(descriptor, mode | (made & SET_GROUP_ID))
  } finally {
    closeSync(descriptor)
  }
  return true
}

/** Gives what this user has made, or has checked, another name. */
export function move(from: string, to: string): void {
  renameSync(from, to)
}

/** EACCES where this process may not read and write it. */
export function checkAccess(file: string): void {
  accessSync(file, constants.R_OK | constants.W_OK)
}

/** What is in the file, or the names in the directory, is on the disk on return. */
export function syncToDisk(file: string): void {
  const descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
