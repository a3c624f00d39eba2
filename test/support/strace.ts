// strace, which tells what a process really asked of the kernel. Installed where it may be.

import { execFileSync, spawnSync } from 'node:child_process'

let isThere = false

/** The command, or an error that says what to install. */
export function strace(): string {
  isThere ||= spawnSync('strace', ['-V']).status === 0
  if (!isThere && process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    const options = {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    } as const
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'strace'], options)
    isThere = spawnSync('strace', ['-V']).status === 0
  }
  if (!isThere) throw new Error('This test needs strace; install it (Debian, Ubuntu: apt-get install strace)')
  return 'strace'
}
