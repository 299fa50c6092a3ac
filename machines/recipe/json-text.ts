/**
 * The text of a recipe before it is a value: decoding, and checks of properties that `JSON.parse` would hide. Two
 * programs read the same recipe (controller and dispatcher), so text that readers of JSON are known to read differently
 * is refused: a name given twice (RFC 8259 section 4), half a surrogate pair, a byte order mark.
 */
import { isUtf8 } from 'node:buffer'
import { type PointerSegment, safePointer } from './pointer.ts'
import type { Fault } from './types.ts'

export type JsonLimits = { readonly depthMax: number; readonly valuesMax: number }

export type JsonScan =
  | {
      /** The walk came to the end: `JSON.parse` accepts the text. */
      readonly ok: true
      /** Names given twice and characters that cannot be stored, all of them. */
      readonly faults: readonly Fault[]
      /**
       * The text of each member of the outermost object, as sent: from the first to the last character of its value.
       */
      readonly members: ReadonlyMap<string, string>
    }
  | {
      /** A syntax error or a limit ended the walk. */
      readonly ok: false
      readonly fault: Fault
    }

/** The input as text, or the fault that makes it unreadable. The text encodes to the same bytes again. */
export function decodeJsonText(raw: string | Uint8Array, bytesMax: number): { text: string } | { fault: Fault } {
  const bytes = typeof raw === 'string' ? Buffer.byteLength(raw) : raw.byteLength
  if (bytes > bytesMax) {
    return { fault: { path: '', code: 'too_large', message: `is ${bytes} bytes, the limit is ${bytesMax}` } }
  }
  const valid = typeof raw === 'string' ? raw.isWellFormed() : isUtf8(raw)
  if (!valid) return { fault: { path: '', code: 'invalid_utf8', message: 'is not UTF-8 text' } }
  // The byte order mark stays in the text, where the scan refuses it.
  return { text: typeof raw === 'string' ? raw : new TextDecoder('utf-8', { ignoreBOM: true }).decode(raw) }
}

/**
 * Walks the text of one JSON value (RFC 8259). The messages hold places, never text, which is why the errors of
 * `JSON.parse` are not used: they quote the input.
 */
export function scanJson(text: string, limits: JsonLimits): JsonScan {
  const scanner = new Scanner(text, limits)
  try {
    scanner.document()
    return { ok: true, faults: scanner.faults, members: scanner.members }
  } catch (error) {
    if (error instanceof ScanEnd) return { ok: false, fault: error.fault }
    throw error
  }
}

class ScanEnd extends Error {
  readonly fault: Fault

  constructor(fault: Fault) {
    super(fault.message)
    this.fault = fault
  }
}

const space = /[ \t\n\r]*/y
const scalar = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const escapes = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y

class Scanner {
  readonly faults: Fault[] = []
  readonly members = new Map<string, string>()
  readonly #text: string
  readonly #limits: JsonLimits
  readonly #path: PointerSegment[] = []
  #at = 0
  #values = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  document(): void {
    if (this.#text.startsWith('\uFEFF')) this.#refuse('a byte order mark is not allowed')
    this.#value()
    if (this.#at < this.#text.length) this.#refuse('the value has ended, yet text follows')
  }

  #value(): void {
    this.#values += 1
    if (this.#values > this.#limits.valuesMax) {
      this.#end({ path: '', code: 'too_many_values', message: `has more than ${this.#limits.valuesMax} values` })
    }
    this.#match(space)
    const first = this.#text[this.#at]
    if (first === '{') this.#nested(() => this.#object())
    else if (first === '[') this.#nested(() => this.#array())
    else if (first === '"') this.#checkCharacters(this.#string(), this.#path)
    else if (!this.#match(scalar)) this.#refuse('expected a value')
    this.#match(space)
  }

  #nested(walk: () => void): void {
    const { depthMax } = this.#limits
    if (this.#path.length >= depthMax) {
      this.#end({ path: safePointer(this.#path), code: 'too_deep', message: `is nested more than ${depthMax} deep` })
    }
    this.#at += 1
    this.#match(space)
    walk()
  }

  #object(): void {
    if (this.#take('}')) return
    const names = new Set<string>()
    do {
      this.#match(space)
      if (this.#text[this.#at] !== '"') this.#refuse('expected a name in double quotes')
      const name = this.#string()
      this.#match(space)
      if (!this.#take(':')) this.#refuse("expected ':'")
      this.#path.push(name)
      this.#checkCharacters(name, this.#path)
      if (names.has(name)) this.#add('duplicate_key', this.#path, 'is given more than once')
      names.add(name)
      const start = this.#at
      this.#value()
      this.#path.pop()
      if (this.#path.length === 0) this.members.set(name, this.#text.slice(start, this.#at).trim())
    } while (this.#take(','))
    if (!this.#take('}')) this.#refuse("expected ',' or '}'")
  }

  #array(): void {
    if (this.#take(']')) return
    let index = 0
    do {
      this.#path.push(index)
      this.#value()
      this.#path.pop()
      index += 1
    } while (this.#take(','))
    if (!this.#take(']')) this.#refuse("expected ',' or ']'")
  }

  #string(): string {
    const start = this.#at
    let escaped = false
    for (this.#at += 1; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x22) break
      // Past the end the code is NaN.
      if (Number.isNaN(code)) this.#refuse('a string does not end')
      if (code < 0x20) this.#refuse('a control character in a string must be written as an escape')
      if (code !== 0x5c) continue
      escaped = true
      this.#at += 1
      if (!this.#match(escapes)) this.#refuse('there is no such escape in a string')
      this.#at -= 1
    }
    this.#at += 1
    return escaped ? JSON.parse(this.#text.slice(start, this.#at)) : this.#text.slice(start + 1, this.#at - 1)
  }

  /** Half a surrogate pair has no UTF-8, and PostgreSQL stores no U+0000 (documented for `text` and `jsonb`). */
  #checkCharacters(text: string, path: readonly PointerSegment[]): void {
    if (text.isWellFormed() && !text.includes('\0')) return
    this.#add('bad_character', path, 'holds U+0000 or half of a surrogate pair, which cannot be stored')
  }

  #add(code: 'duplicate_key' | 'bad_character', path: readonly PointerSegment[], message: string): void {
    this.faults.push({ path: safePointer(path), code, message })
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #refuse(what: string): never {
    const lines = this.#text.slice(0, this.#at).split('\n')
    const place = `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
    this.#end({ path: '', code: 'invalid_json', message: `is not JSON: ${place}: ${what}` })
  }

  #end(fault: Fault): never {
    throw new ScanEnd(fault)
  }
}
