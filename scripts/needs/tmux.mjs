// Finds tmux, the terminal that tests look at, installs Debian's package where it may, and otherwise says
// what to do. Prints {"tmux": path or name, "version"} on standard output.
//
//   node scripts/needs/tmux.mjs

import { spawnSync } from 'node:child_process'
import { installDebianPackages } from './debian.mjs'

const OLDEST = 3.0

function find() {
  const { status, stdout } = spawnSync('tmux', ['-V'], { encoding: 'utf8' })
  return status === 0 ? Number.parseFloat(stdout.replace(/^\D*/, '')) : undefined
}

let version = find()
if (version === undefined && installDebianPackages('tmux')) version = find()
if (version === undefined || version < OLDEST) {
  console.error(`${version === undefined ? 'No tmux was found' : `This tmux is ${version}, which is too old`}.

The tests of \`rollcall top\` look at a real terminal, which tmux makes. Either
  - install tmux 3.0 or newer (Debian, Ubuntu: apt-get install tmux; macOS: brew install tmux), or
  - set ROLLCALL_TEST_TMUX=skip to leave those tests out.`)
  process.exit(1)
}
console.log(JSON.stringify({ tmux: 'tmux', version }))
