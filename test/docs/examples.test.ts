// The examples do what they say.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { eventually } from '../support/eventually'
import { request } from '../support/http'
import { EXAMPLES } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const children: ChildProcess[] = []

function start(name: string, baseDir: string) {
  const program = path.join(EXAMPLES, `${name}.js`)
  const child = spawn(process.execPath, [program, baseDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const output = { text: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.text += text
  })
  return { child, output }
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    const exited = once(child, 'exit')
    if (child.exitCode !== null || child.signalCode !== null) continue
    // Cluster workers end by themselves when their primary is gone.
    child.kill('SIGKILL')
    await exited
  }
})

describe('The examples', () => {
  it('make thumbnails, try again what failed, keep results, and end when they are told to', async () => {
    const env = { ...process.env, THUMBNAILS: path.join(tempDir(), 'thumbnails') }
    const run = async (...words: string[]) => {
      const child = spawn(process.execPath, [path.join(EXAMPLES, 'thumbnails.js'), ...words], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(child)
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (data) => {
        text += data
        if (text.includes('made broken.jpg')) child.kill('SIGTERM')
      })
      const [code] = await once(child, 'close')
      return { code, text }
    }
    assert.equal((await run('add', 'cat.jpg', 'broken.jpg')).code, 0)
    assert.equal((await run('add', 'cat.jpg')).text, '[]\n')

    const { code } = await run('work')

    assert.equal(code, 0)
    assert.deepEqual((await run('results')).text.trim().split('\n'), [
      "cat.jpg { thumbnail: 'cat.jpg-320.webp' }",
      "broken.jpg { thumbnail: 'broken.jpg-320.webp' }",
    ])
    assert.equal((await run('failed')).text, '')
  })

  it('show the workers of a cluster and what they serve', async () => {
    const { output } = start('cluster', tempDir())
    await eventually(() => /listening on/.test(output.text), 'a worker that listens')
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(output.text)![1])

    const { body } = await request(port, '/a/path')

    assert.match(body, /^from \d+\n$/)
    await eventually(
      () => /GET \/a\/path 1 served/.test(output.text),
      () => output.text,
    )
    await eventually(
      () => /totals \{"requests":1,/.test(output.text),
      () => output.text,
    )
  })

  it('show child processes at work, and their sum', async () => {
    const { child, output } = start('child-processes', tempDir())

    const [code] = await once(child, 'close')

    assert.equal(code, 0)
    assert.match(output.text, /^child-1: step \d of 5$/m)
    assert.match(output.text, /^15 steps done$/m)
  })

  it('show the threads of a pool, which are gone when it is', async () => {
    const { child, output } = start('piscina', tempDir())

    const [code] = await once(child, 'close')

    assert.equal(code, 0)
    assert.match(output.text, /^1229 primes below 10000$/m)
    assert.match(output.text, /^thread \d+\.\d+: \{"state":"waiting"\}$/m)
    assert.match(output.text, /^4 tasks, 0 threads left$/m)
  })
})
