// The command lines of the guide for people who come from GNU parallel, and its loop over ssh, as they stand there.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocks } from '../support/documents'
import { shell } from '../support/shell'
import { tempDir } from '../support/temp-dir'

/** Those lines of the guide that stand beside lines of GNU parallel, and begin so. */
function linesOf(start: string): string[] {
  const text = blocks('sh').filter(({ code }) => /^parallel /m.test(code))
  return text.flatMap(({ code }) => code.split('\n')).filter((line) => line.startsWith(start))
}

describe('The guide, for those who know other tools', function () {
  this.timeout(60_000)

  it('has three lines of GNU parallel that do here what they do there', async () => {
    const [zip, count, piece] = linesOf('rollcall work')
    const cwd = tempDir()
    for (const name of ['a', 'b']) writeFileSync(join(cwd, name), `${name}\n`)
    writeFileSync(join(cwd, 'files'), 'a\nb\n')
    writeFileSync(join(cwd, 'list'), 'good\nbad\n')
    writeFileSync(join(cwd, 'piece.sh'), '#!/bin/sh\n[ "$1" = good ] || [ -e mended ]\n', { mode: 0o755 })

    const counted = await shell(count!, { cwd })
    const zipped = await shell(`rm -r files.queue; ${zip}; ls *.gz; wc -l < log`, { cwd })
    const failed = await shell(piece!, { cwd })
    const mended = await shell(`touch mended; ${piece}; tail -n +6 log`, { cwd })

    assert.deepEqual([counted.code, counted.stdout], [0, 'a\t1 a\nb\t1 b\n'], counted.stderr)
    assert.deepEqual([zipped.code, zipped.stdout], [0, 'a.gz\nb.gz\n3\n'], zipped.stderr)
    assert.deepEqual([failed.code, mended.code], [1, 0], mended.stderr)
    assert.match(readFileSync(join(cwd, 'log'), 'utf8'), /\.\/piece\.sh bad\n$/)
  })

  it('has a loop over ssh whose machines share the work', async () => {
    const [block] = blocks('sh').filter(({ code }) => code.includes('ssh $host'))
    const cwd = tempDir()
    const script = block!.code.replace(/zk:\/\/\S+/, join(cwd, 'queue'))
    const setUp = 'mkdir reads; for n in 1 2 3 4; do : > reads/$n.fastq; done'
    writeFileSync(join(cwd, 'align.sh'), '#!/bin/sh\necho "$1" > "out.$(basename "$1")"\n', { mode: 0o755 })

    // The other machine is this one.
    const ssh = '#!/bin/bash\nexec bash -c "$2"\n'
    const { code, stdout, stderr } = await shell(`${setUp}\n${script}\ncode=$?; wait; ls out.*; exit $code`, {
      cwd,
      commands: { ssh },
    })

    assert.equal(code, 0, stderr)
    assert.match(stdout, /^4 items done, 0 dead/)
    assert.equal(stdout.match(/out\.\d\.fastq/g)?.length, 4)
  })
})
