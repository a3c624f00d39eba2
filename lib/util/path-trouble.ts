// Why a path cannot be used, in the words of whoever can help: what on the way to it refuses, whose that is, and who we are.

import { accessSync, constants, lstatSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { userHint, userText, usText } from './users'

/** What to say after an error of the system about a file or directory; empty where the error says all. */
export function pathHint(code: string | undefined, path: string): string {
  switch (code) {
    case 'EACCES':
      return `${denial(path)}${userHint()}`
    case 'ENOENT':
      return unmountedHint(dirname(path))
    case 'EMFILE':
      return '; this process has as many files open as it may: raise its limit (ulimit -n), or close some'
    case 'ENFILE':
      return '; this machine has as many files open as it may: raise fs.file-max'
    default:
      return ''
  }
}

/** Of a directory that has been removed and still is one, because it is mounted here; else empty. */
export function unmountedHint(directory: string): string {
  if (lookAt(directory)?.nlink !== 0) return ''
  return `; ${directory} was removed where it is mounted from, and nothing can be made in it any more: restart the container, and mount the directory above it`
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** What refuses us first, from the root on; empty where nothing seems to, as after a system call that a sandbox denies. */
function denial(path: string): string {
  const { R_OK, W_OK, X_OK } = constants
  const whole = resolve(path)
  const steps = whole.split('/').slice(1, -1)
  for (let count = 0; count <= steps.length; count++) {
    const directory = `/${steps.slice(0, count).join('/')}`
    if (lookAt(directory) === undefined) return refusal(dirname(directory), 'nothing can be made in it')
    if (!may(directory, X_OK)) return refusal(directory, 'nothing in it can be reached')
  }
  if (lookAt(whole) === undefined) return refusal(dirname(whole), 'nothing can be made in it')
  if (!may(whole, R_OK)) return refusal(whole, 'it cannot be read')
  if (!may(whole, W_OK)) return refusal(whole, 'it cannot be written')
  return may(dirname(whole), W_OK) ? '' : refusal(dirname(whole), 'nothing can be made in it')
}

function may(path: string, what: number): boolean {
  try {
    accessSync(path, what)
    return true
  } catch {
    return false
  }
}

function refusal(path: string, what: string): string {
  const { uid, gid, mode } = lookAt(path) ?? {}
  if (uid === undefined) return ''
  const whose = `${userText(uid)} and group ${gid} (mode 0${(mode! & 0o7777).toString(8)})`
  return `; ${path} belongs to ${whose}, and we are ${usText()}: ${what}; run as its user, have it given to yours (chown, chmod), or have its maker give a 'mode' that lets you in`
}
