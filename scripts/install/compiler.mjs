// What it takes to build the addon, looked for before node-gyp looks: its own words for what is missing are long.

import { spawnSync } from 'node:child_process'

/** A sentence that says what is missing and how to get it; undefined where all is there. */
export function missingTools(env = process.env) {
  const tools = [
    { name: 'make', commands: [env.MAKE ?? 'make'] },
    { name: 'a C++ compiler', commands: [env.CXX ?? '', 'c++', 'g++', 'clang++'] },
    { name: 'python3', commands: [env.npm_config_python ?? '', 'python3', 'python'] },
  ]
  const missing = tools.filter(({ commands }) => !commands.some(isCommand)).map(({ name }) => name)
  if (missing.length === 0) return undefined
  return (
    `To build the addon, this machine lacks ${missing.join(' and ')}.\n` +
    `  Debian, Ubuntu: apt-get install g++ make python3\n` +
    `  Alpine:         apk add g++ make python3\n` +
    `  macOS:          xcode-select --install`
  )
}

function isCommand(command) {
  if (command === '') return false
  // CXX may hold arguments too ("ccache g++").
  return spawnSync(command.split(' ')[0], ['--version'], { stdio: 'ignore' }).error === undefined
}
