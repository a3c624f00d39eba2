// What workers cost, on the command line.

import assert from 'node:assert/strict'
import { open } from '../support/boards'
import { runCli } from '../support/cli'
import { tempDir } from '../support/temp-dir'

;(process.platform === 'linux' ? describe : describe.skip)('The columns CPU% and MEM', () => {
  it('are in top also where it is piped, and in ls where they are asked for', async () => {
    const baseDir = tempDir()
    open({ baseDir, workerId: 'web-1' }).update('cooks')

    const [top, ls, plain, json] = await Promise.all([
      runCli(['top', '--rounds', '1', baseDir]),
      runCli(['ls', '--vitals', baseDir]),
      runCli(['ls', baseDir]),
      runCli(['ls', '--vitals', '--json', baseDir]),
    ])

    for (const { stdout } of [top, ls]) {
      assert.match(stdout, /^SLOT .* CPU% +MEM +STATE +STATUS$/m)
      assert.match(stdout, /web-1 .* \d+\.\d +\d[\d.]* [kMG]B +\S+ +cooks$/m)
    }
    assert.doesNotMatch(plain.stdout, /CPU%|MEM/)
    assert.ok(JSON.parse(json.stdout).workers[0].vitals.rssBytes > 1e6)
  })
})
