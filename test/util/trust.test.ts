// The rules of trust one by one, each with what is just allowed beside what is just not.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { native } from '../../lib/binding'
import * as trust from '../../lib/util/trust'
import { NOBODY, onlyAsRoot } from '../support/other-user'
import { tempDir } from '../support/temp-dir'

const REFUSED = { code: 'ERR_INSECURE_PATH' }
const OURS = process.geteuid!()
const checkWayTo = (directory: string) => trust.checkWayTo(directory, native.hasAcl)

/** Lets another user write by an access control list; false where there are none. */
function grantByAcl(directory: string, uid: number): boolean {
  const NO_ID = 2 ** 32 - 1
  const entries = [
    [1, 7, NO_ID], // the owner
    [2, 7, uid],
    [4, 5, NO_ID], // the group
    [16, 7, NO_ID], // the mask, which the mode shows as the group's bits
    [32, 5, NO_ID], // others
  ]
  const acl = entries.map(([tag, bits, id]) => `struct.pack('<HHI', ${tag}, ${bits}, ${id})`).join(' + ')
  const program = `import os, struct, sys; os.setxattr(sys.argv[1], 'system.posix_acl_access', struct.pack('<I', 2) + ${acl})`
  return spawnSync('python3', ['-c', program, directory]).status === 0
}

describe('The way to a directory', () => {
  let above: string
  let directory: string

  beforeEach(() => {
    above = fs.realpathSync(tempDir())
    directory = path.join(above, 'd')
    fs.mkdirSync(directory)
  })

  const set = (uid: number, gid: number, bits: number) => {
    fs.chownSync(above, uid, gid)
    fs.chmodSync(above, bits)
  }

  describe('through one that', () => {
    onlyAsRoot()
    const ways: [what: string, uid: number, gid: number, bits: number, isGood: boolean][] = [
      ['is ours alone', OURS, OURS, 0o700, true],
      ['others may read', OURS, OURS, 0o755, true],
      ['our private group may write', OURS, OURS, 0o775, true],
      ['another group may write', OURS, NOBODY, 0o775, false],
      ['others may write', OURS, OURS, 0o757, false],
      ['others may write, with the sticky bit', OURS, OURS, 0o1777, true],
      ['another group may write, with the sticky bit', OURS, NOBODY, 0o1775, true],
      ['is of another', NOBODY, NOBODY, 0o755, false],
      ['is of another, with the sticky bit', NOBODY, NOBODY, 0o1777, false],
      ['is of another, in our group', NOBODY, OURS, 0o755, false],
    ]
    for (const [what, uid, gid, bits, isGood] of ways) {
      it(`${what} is ${isGood ? 'good' : 'refused'}`, () => {
        set(uid, gid, bits)

        if (isGood) checkWayTo(directory)
        else assert.throws(() => checkWayTo(directory), REFUSED)
      })
    }

    it('another may write by an access control list is refused', function () {
      if (!grantByAcl(above, NOBODY)) this.skip()
      assert.equal(fs.statSync(above).mode & 0o7777, 0o770 | 0o005)

      assert.throws(() => checkWayTo(directory), REFUSED)
    })

    it('is named by a link in a sticky directory is as good as the owner of the link', () => {
      set(OURS, OURS, 0o1777)
      const link = path.join(above, 'link')
      fs.symlinkSync('.', link)

      checkWayTo(path.join(link, 'link', 'd'))
      fs.lchownSync(link, NOBODY, NOBODY)

      assert.throws(() => checkWayTo(path.join(link, 'link', 'd')), REFUSED)
    })
  })

  it('is followed through links with .. and with an absolute target, and all of it is looked at', () => {
    fs.mkdirSync(path.join(above, 'a', 'b', 'd'), { recursive: true })
    fs.symlinkSync('../../d/../a/./b', path.join(above, 'a', 'b', 'up'))
    fs.symlinkSync(`${above}//a/`, path.join(above, 'abs'))

    checkWayTo(path.join(above, 'abs', 'b', 'up', 'up', 'd'))
    checkWayTo(path.join(above, 'abs'))
    fs.chmodSync(path.join(above, 'd'), 0o777)
    assert.throws(() => checkWayTo(path.join(above, 'a', 'b', 'up')), REFUSED)
  })

  it('is refused where its links go in a circle', () => {
    fs.symlinkSync('two', path.join(above, 'one'))
    fs.symlinkSync('one', path.join(above, 'two'))

    assert.throws(() => checkWayTo(path.join(above, 'one')), REFUSED)
  })

  it('is what it is for whatever is said of the root', () => {
    checkWayTo('/')
  })
})

describe('A file that is opened', () => {
  let directory: string
  let file: string

  beforeEach(() => {
    directory = tempDir()
    file = path.join(directory, 'file')
  })

  it('is missing, whole or too long', () => {
    assert.equal(trust.readWhole(file, 10), undefined)
    fs.writeFileSync(file, '0123456789')
    assert.equal(trust.readWhole(file, 10)!.toString(), '0123456789')
    assert.throws(() => trust.readWhole(file, 9), /10 bytes, more than 9/)
  })

  const strange: [name: string, make: () => void][] = [
    ['a link', () => fs.symlinkSync('/etc/passwd', file)],
    ['a link to nothing', () => fs.symlinkSync('nothing', file)],
    ['a directory', () => fs.mkdirSync(file)],
    ['a FIFO', () => execFileSync('mkfifo', [file])],
  ]
  for (const [name, make] of strange) {
    it(`is not ${name}, and nothing waits for it, makes it or takes it away`, () => {
      make()
      const before = fs.lstatSync(file)

      assert.throws(() => trust.readWhole(file, 1e6))
      assert.throws(() => trust.checkFile(file), REFUSED)
      assert.throws(() => trust.createFile(file, 0o600), { code: 'EEXIST' })
      assert.throws(() => trust.writeNew(file, Buffer.from('x'), 0o600), { code: 'EEXIST' })

      assert.equal(fs.lstatSync(file).ino, before.ino)
      assert.deepEqual(fs.readdirSync(directory), ['file'])
    })
  }

  it('is replaced whole, by name, with the bits that were told, whatever the umask', () => {
    const victim = path.join(tempDir(), 'victim')
    fs.writeFileSync(victim, 'victim')
    fs.symlinkSync(victim, file)
    const mask = process.umask(0o077)
    try {
      trust.replaceFile(file, Buffer.from('new'), 0o664)
    } finally {
      process.umask(mask)
    }

    assert.equal(fs.readFileSync(victim, 'utf8'), 'victim')
    assert.equal(fs.readFileSync(file, 'utf8'), 'new')
    assert.equal(fs.lstatSync(file).mode, 0o100664)
    assert.deepEqual(fs.readdirSync(directory), ['file'])
  })

  it('is not replaced, and nothing is left, where that cannot be', () => {
    fs.mkdirSync(file)

    assert.throws(() => trust.replaceFile(file, Buffer.from('new'), 0o600), { code: 'EISDIR' })

    assert.deepEqual(fs.readdirSync(directory), ['file'])
  })
})

describe('A file that is written behind its end', () => {
  let file: string
  let victim: string

  beforeEach(() => {
    file = path.join(tempDir(), 'file')
    victim = path.join(tempDir(), 'victim')
    fs.writeFileSync(victim, 'precious')
  })

  it('is one that is missing, or one of ours', () => {
    for (const text of ['long', 'x']) {
      const descriptor = trust.openToAppend(file)
      fs.writeSync(descriptor, text)
      fs.closeSync(descriptor)
    }
    assert.equal(fs.readFileSync(file, 'utf8'), 'longx')
  })

  const planted: [name: string, plant: () => void][] = [
    ['a link', () => fs.symlinkSync(victim, file)],
    ['a second name', () => fs.linkSync(victim, file)],
    ['a FIFO', () => execFileSync('mkfifo', [file])],
    ['a directory', () => fs.mkdirSync(file)],
  ]
  for (const [name, plant] of planted) {
    it(`is not ${name}, and nothing is changed`, () => {
      plant()

      assert.throws(() => trust.openToAppend(file))

      assert.equal(fs.readFileSync(victim, 'utf8'), 'precious')
    })
  }

  it('is not one of another user, who would read along', function () {
    if (OURS !== 0) this.skip()
    fs.writeFileSync(file, 'theirs')
    fs.chownSync(file, NOBODY, NOBODY)

    assert.throws(() => trust.openToAppend(file), REFUSED)

    assert.equal(fs.readFileSync(file, 'utf8'), 'theirs')
  })
})

describe('A directory that is made or removed', () => {
  it('gets its bits whatever the umask, and its parents are for nobody else to write', () => {
    const above = path.join(tempDir(), 'a', 'b')
    const mask = process.umask(0)
    try {
      assert.equal(trust.makeDirectory(path.join(above, 'c'), 0o700), true)
    } finally {
      process.umask(mask)
    }

    assert.deepEqual(
      [path.dirname(above), above, path.join(above, 'c')].map((one) => fs.statSync(one).mode & 0o7777),
      [0o755, 0o755, 0o700],
    )
    assert.equal(trust.makeDirectory(path.join(above, 'c'), 0o777), false)
    assert.equal(fs.statSync(path.join(above, 'c')).mode & 0o7777, 0o700)
  })

  it('keeps what is not ours, and what links lead to', () => {
    const [folder, elsewhere] = [tempDir(), tempDir()]
    fs.writeFileSync(path.join(elsewhere, 'x'), 'precious')
    fs.writeFileSync(path.join(folder, 'ours'), '')
    fs.symlinkSync(elsewhere, path.join(folder, 'ours-link'))
    fs.mkdirSync(path.join(folder, 'ours-directory'))

    assert.equal(
      trust.removeFolder(folder, (name) => name.startsWith('ours')),
      false,
    )

    assert.deepEqual(fs.readdirSync(folder).sort(), ['ours-directory', 'ours-link'])
    assert.deepEqual(fs.readdirSync(elsewhere), ['x'])
    assert.equal(trust.removeEmpty(path.join(folder, 'ours-directory')), true)
    assert.equal(trust.removeEmpty(path.join(folder, 'ours-directory')), true)
  })
})
