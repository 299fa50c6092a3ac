// What a path table says of an image, held against its directories: who is whose parent, and where each lies.

/** One line per directory, from both tables and from the directories themselves. Throws where they contradict. */
export function directoriesOf(image: Buffer, tree: 'plain' | 'joliet'): readonly string[] {
  const sectors = Array.from({ length: 16 }, (_, index) => image.subarray((16 + index) * 2048, (17 + index) * 2048))
  const descriptor = sectors.find((sector) => sector.readUInt8(0) === (tree === 'plain' ? 1 : 2))
  if (descriptor === undefined) throw new Error(`there is no ${tree} tree`)
  const bytes = descriptor.readUInt32LE(132)
  const table = (sector: number) => image.subarray(sector * 2048, sector * 2048 + bytes)
  const little = entries(table(descriptor.readUInt32LE(140)), 'LE')
  const big = entries(table(descriptor.readUInt32BE(148)), 'BE')
  if (JSON.stringify(little) !== JSON.stringify(big)) throw new Error('the two path tables differ')
  if (little[0]?.sector !== descriptor.readUInt32LE(158)) throw new Error('the root is not where the descriptor has it')

  return little.map(({ name, sector, parent }) => {
    const directory = image.subarray(sector * 2048)
    const self = directory.readUInt32LE(2)
    const up = directory.subarray(directory.readUInt8(0))
    const above = little[parent - 1]
    if (self !== sector || above === undefined) throw new Error(`${name} does not know its place`)
    // xorriso's Joliet directories name themselves as their parents.
    if (tree === 'joliet' && up.readUInt32LE(2) === sector) return `${above.name}/${name}`
    if (up.readUInt32LE(2) !== above.sector) throw new Error(`${name} does not know its parent`)
    if (up.readUInt32LE(10) !== image.readUInt32LE(above.sector * 2048 + 10))
      throw new Error(`${name} has another length for its parent than that itself`)
    return `${above.name}/${name}`
  })
}

function entries(table: Buffer, order: 'LE' | 'BE') {
  const found: { readonly name: string; readonly sector: number; readonly parent: number }[] = []
  for (let at = 0; at < table.length; at += 8 + table.readUInt8(at) + (table.readUInt8(at) % 2)) {
    found.push({
      name: table.toString('latin1', at + 8, at + 8 + table.readUInt8(at)).replaceAll('\0', ''),
      sector: order === 'LE' ? table.readUInt32LE(at + 2) : table.readUInt32BE(at + 2),
      parent: order === 'LE' ? table.readUInt16LE(at + 6) : table.readUInt16BE(at + 6),
    })
  }
  return found
}
