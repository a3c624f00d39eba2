// Other Nodes than the one that runs: of any version from npm's packages of Node's own binaries, and for
// 64-bit Arm under qemu-user.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand, locate, need } from '../tools.mjs'

const ARM_LIBRARIES = '/usr/aarch64-linux-gnu'

/** Installs Node `version` below `home`, and returns the path of its program. */
export function installNode(home, version, arch = process.arch) {
  const folder = join(home, `node-${version}-${arch}`)
  const name = `node-${process.platform}-${arch}`
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{}')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund']
  // For another processor, and meant.
  if (arch !== process.arch) options.push('--force')
  const stdio = ['ignore', 'ignore', 'pipe']
  execFileSync('npm', ['install', ...options, `${name}@${version}`], { cwd: folder, stdio })
  return join(folder, 'node_modules', name, 'bin', 'node')
}

/** The emulator's path; installs it, and the libraries that it needs, where it may. */
export function needArmEmulator() {
  const qemu = need('qemu-aarch64', ['qemu-user-static'], () =>
    findCommand('qemu-aarch64-static', 'qemu-aarch64'),
  )
  need('aarch64-linux-gnu-g++', ['g++-aarch64-linux-gnu'], () => findCommand('aarch64-linux-gnu-g++'))
  return locate(qemu)
}

/** Installs a Node for Arm, as a command that runs it in the emulator; what it starts with `process.execPath` does too. */
export function installArmNode(home, version) {
  const qemu = needArmEmulator()
  const real = installNode(home, version, 'arm64')
  const command = join(home, `node-${version}-arm64`, 'node')
  const preload = `${command}-preload.cjs`
  writeFileSync(preload, `process.execPath = ${JSON.stringify(command)}\n`)
  writeFileSync(command, `#!/bin/sh\nexec ${qemu} -L ${ARM_LIBRARIES} ${real} --require ${preload} "$@"\n`)
  chmodSync(command, 0o755)
  return command
}
