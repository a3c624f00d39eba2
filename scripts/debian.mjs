// Installs a package of Debian or Ubuntu that the tests need, where this process may.

import { execFileSync, spawnSync } from 'node:child_process'

/** Whether it is installed now. False: not root, no apt-get, or no such package; what went wrong is on standard error. */
export function installDebianPackage(name) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  console.error(`rollcall: installing the package ${name}`)
  try {
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], options)
  } catch (error) {
    console.error(`rollcall: cannot install the package ${name}: ${error.message}`)
    return false
  }
  return true
}
