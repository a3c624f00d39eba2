// A password that somebody wrote into a URL, where it does not belong: whatever the command answers, it is not in it.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { redactUrl, redactWords } from '../../lib/util/redact'
import { SERVER_SCHEMES } from '../../lib/util/schemes'
import { runCli } from '../support/cli'
import { tempDir } from '../support/temp-dir'

describe('A secret in a URL', () => {
  for (const scheme of SERVER_SCHEMES) {
    const url = `${scheme}://me:h0neyp0t@127.0.0.1:1/x`

    it(`is in no message about ${scheme}://, whichever verb was given it`, async () => {
      const asked = [
        ['cleanup', url],
        ['ls', url],
        ['kill', url, 'web-1'],
        ['queue', 'status', '--queue', url],
        [url],
        // Behind a directory it is no URL any more, and no less a secret.
        ['cleanup', join(tempDir(), url)],
      ]

      const answers = await Promise.all(asked.map((args) => runCli(args)))

      for (const [at, { code, stdout, stderr }] of answers.entries()) {
        assert.ok(code === 64 || code === 66, `${asked[at]!.join(' ')}: ${code} ${stderr}`)
        assert.doesNotMatch(stdout + stderr, /h0neyp0t/, asked[at]!.join(' '))
      }
      assert.match(
        answers[0]!.stderr,
        new RegExp(`No board in ${scheme}://\\*\\*\\*@127.0.0.1:1/x: .*queue status`),
      )
      assert.match(
        answers[4]!.stderr,
        new RegExp(`Did you mean .*rollcall queue status --queue ${scheme}://\\*\\*\\*@`),
      )
    })
  }

  it('is taken out, and nothing else is', () => {
    assert.equal(redactUrl('zks://a:b@h/x'), 'zks://***@h/x')
    assert.equal(redactUrl('/run/a@b'), '/run/a@b')
    assert.equal(
      redactWords("open ZK://a:b@h/x with --auth=a:b or mail me@there, '/run/app'"),
      "open ZK://***@h/x with --auth=*** or mail me@there, '/run/app'",
    )
  })
})
