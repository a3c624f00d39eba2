// Installs packages of Debian or Ubuntu that tests and checks need, where this process may.

import { execFileSync, spawnSync } from 'node:child_process'

/** Whether they are installed now. False: not root, no apt-get, or no such package; what went wrong is on standard error. */
export function installDebianPackages(...names) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  const what = `the package${names.length > 1 ? 's' : ''} ${names.join(', ')}`
  console.error(`rollcall: installing ${what}`)
  try {
    // Another package manager may be at work: wait for it.
    const quietly = ['-qq', '-o', 'DPkg::Lock::Timeout=300']
    execFileSync('apt-get', [...quietly, 'update'], options)
    execFileSync('apt-get', [...quietly, 'install', '-y', '--no-install-recommends', ...names], options)
  } catch (error) {
    console.error(`rollcall: cannot install ${what}: ${error.message}`)
    return false
  }
  return true
}
