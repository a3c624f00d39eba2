// The stacks of workers that hang, by every Node that is supported: `npm run build && node scripts/proofs/why-nodes.mjs [VERSION ...]`.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, temporaryFolder } from '../tools.mjs'
import { installNode } from './nodes.mjs'

const { engines } = JSON.parse(readFileSync('package.json', 'utf8'))
const OLDEST = `${engines.node.match(/\d+\.\d+/)[0]}.0`
const versions = process.argv.length > 2 ? process.argv.slice(2) : [OLDEST, '20', '22', '24', '26']
const MOCHA = join('node_modules', 'mocha', 'bin', 'mocha.js')
const TESTS = ['why/stack-of', 'scoreboard/hearts'].map((name) => join('dist', 'test', `${name}.test.js`))

const home = temporaryFolder('why-nodes')
const failed = []
for (const version of versions) {
  const node = installNode(home, version)
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  console.log(`Node ${stdout.trim()}`)
  const options = ['--no-config', '--timeout', '120000', '--reporter', 'dot']
  const { status } = spawnSync(node, ['--enable-source-maps', MOCHA, ...options, ...TESTS], {
    stdio: 'inherit',
  })
  if (status !== 0) failed.push(stdout.trim())
}
if (failed.length > 0) fail(`failed on ${failed.join(', ')}`)
