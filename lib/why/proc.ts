// What Linux tells of a process in /proc. All of it may be gone, or closed to us, at any moment: then it is undefined.

import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { basename } from 'node:path'
import { native, STAT_NUMBERS } from '../binding'
import { isFrozen } from '../scoreboard/frozen'
import { kernelText } from '../util/kernel-text'
import type { KernelView } from './types'

/** Numbers of the system calls in which programs wait: x86-64, and 64-bit Arm. */
const SYSCALLS: Record<string, readonly [x64: number, arm64: number]> = {
  read: [0, 63],
  write: [1, 64],
  poll: [7, -1],
  ppoll: [271, 73],
  pread64: [17, 67],
  pwrite64: [18, 68],
  readv: [19, 65],
  writev: [20, 66],
  select: [23, -1],
  pselect6: [270, 72],
  nanosleep: [35, 101],
  clock_nanosleep: [230, 115],
  connect: [42, 203],
  accept: [43, 202],
  accept4: [288, 242],
  recvfrom: [45, 207],
  recvmsg: [47, 212],
  sendto: [44, 206],
  sendmsg: [46, 211],
  wait4: [61, 260],
  waitid: [247, 95],
  fcntl: [72, 25],
  flock: [73, 32],
  fsync: [74, 82],
  fdatasync: [75, 83],
  sync_file_range: [277, 84],
  open: [2, -1],
  openat: [257, 56],
  stat: [4, -1],
  newfstatat: [262, 79],
  statx: [332, 291],
  getdents64: [217, 61],
  futex: [202, 98],
  restart_syscall: [219, 128],
  epoll_wait: [232, -1],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  io_uring_enter: [426, 426],
}

/** Those whose first argument is a descriptor. */
const OF_DESCRIPTOR =
  /^(read|write|p?readv?|p?writev?|pread64|pwrite64|connect|accept4?|recv\w+|send\w+|fcntl|flock|fd?a?t?a?sync|getdents64)$/

/** The numbers named by StatField, of a whole process; zeros where it is gone. */
export function statOf(pid: number): Float64Array {
  const stat = new Float64Array(STAT_NUMBERS)
  native.processStats(Float64Array.of(pid, 0), stat)
  return stat
}

export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

export function ownerOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid
  } catch {
    return undefined
  }
}

/** One field of /proc/<pid>/status. */
export function statusField(pid: number, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(kernelText(`/proc/${pid}/status`) ?? '')?.[1]
}

/** Whether a signal of that number would be caught, and not end the process. */
export function catchesSignal(pid: number, signal: number): boolean {
  const caught = statusField(pid, 'SigCgt')
  return caught !== undefined && (BigInt(`0x${caught}`) >> BigInt(signal - 1)) % 2n === 1n
}

/** Whether what runs in it calls itself Node, or is the very program that we run in. */
export function isNode(pid: number): boolean {
  const program = linkOf(`/proc/${pid}/exe`)?.replace(/ \(deleted\)$/, '')
  return (
    program !== undefined &&
    (program === process.execPath || /^node(js)?([-.\d].*)?$/.test(basename(program)))
  )
}

/** @param thread the kernel's number of it */
export function kernelView(pid: number, thread: number): KernelView | undefined {
  const folder = `/proc/${pid}/task/${thread}`
  const stat = kernelText(`${folder}/stat`)
  if (stat === undefined) return undefined
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
  const view: KernelView = { state: /[SD]/.test(state) && isFrozen(pid) ? 'F' : state }
  const [number, first] = (kernelText(`${folder}/syscall`) ?? '').split(' ')
  const name = number === undefined ? undefined : syscallName(Number.parseInt(number, 10))
  if (name !== undefined) view.syscall = name
  if (name !== undefined && OF_DESCRIPTOR.test(name)) {
    const target = linkOf(`/proc/${pid}/fd/${Number(first)}`)
    view.target =
      target === undefined ? `descriptor ${Number(first)}` : `${target} (descriptor ${Number(first)})`
  }
  const waitsIn = kernelText(`${folder}/wchan`)
  if (waitsIn && waitsIn !== '0') view.waitsIn = waitsIn
  const stack = kernelText(`${folder}/stack`)?.trim()
  if (stack) view.stack = stack.split('\n').map((line) => line.replace(/^\[<\w+>\] /, ''))
  const children = childrenOf(pid, thread)
  if (children.length > 0) view.children = children
  return view
}

function syscallName(number: number): string | undefined {
  if (!(number >= 0)) return undefined
  const column = process.arch === 'x64' ? 0 : process.arch === 'arm64' ? 1 : undefined
  if (column === undefined) return `system call ${number}`
  return (
    Object.entries(SYSCALLS).find(([, numbers]) => numbers[column] === number)?.[0] ?? `system call ${number}`
  )
}

const MOST_CHILDREN = 8

/** The processes that one of its threads has started. */
export function childPids(pid: number, thread: number): number[] {
  return (kernelText(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number)
}

function childrenOf(pid: number, thread: number): string[] {
  return childPids(pid, thread)
    .slice(0, MOST_CHILDREN)
    .map((child) => {
      const command = (kernelText(`/proc/${child}/cmdline`) ?? '').replaceAll('\0', ' ').trim()
      return `${child} ${command}`.slice(0, 200)
    })
}

/** The descriptors of sockets that a process has, by their inode. */
export function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>()
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`) ?? '')?.[1]
      if (inode !== undefined) inodes.add(inode)
    }
  } catch {
    // Gone, or not ours to look into.
  }
  return inodes
}

export interface TcpSocket {
  inode: string
  /** As an URL has it. */
  host: string
  port: number
  isListening: boolean
  isConnected: boolean
}

const LISTENS = '0A'
const CONNECTED = '01'

/** All sockets of TCP in the network namespace of a process. */
export function tcpSockets(pid: number): TcpSocket[] {
  return ['tcp', 'tcp6'].flatMap((name) => {
    const lines = (kernelText(`/proc/${pid}/net/${name}`) ?? '').split('\n').slice(1)
    return lines.flatMap((line): TcpSocket[] => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (inode === undefined || (state !== LISTENS && state !== CONNECTED)) return []
      const [address, port] = local!.split(':')
      const host = hostOf(address!)
      return [
        {
          inode,
          host,
          port: Number.parseInt(port!, 16),
          isListening: state === LISTENS,
          isConnected: state === CONNECTED,
        },
      ]
    })
  })
}

/** Where to reach what listens there: the loopback address for every address. */
function hostOf(hex: string): string {
  if (/^0+$/.test(hex)) return hex.length > 8 ? '[::1]' : '127.0.0.1'
  // Host byte order; only of loopback addresses does the exact number matter.
  if (hex.length === 8)
    return hex
      .match(/../g)!
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.')
  return hex === '00000000000000000000000001000000' ? '[::1]' : '[::]'
}

export const SIGUSR1 = constants.signals.SIGUSR1
