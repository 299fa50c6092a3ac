/**
 * The recipe schema as an object, as text, and by name. Every task ISO carries the text as `/recipe.schema.json`, so
 * the ISO's digest covers it.
 */
import schema from './recipe.schema.json' with { type: 'json' }

export const recipeSchema = schema

/** The same for every job and every controller of one release: a digest over it may be kept. Ends in a line feed. */
export const recipeSchemaText = `${JSON.stringify(schema, null, 2)}\n`

/** Stable for as long as the schema's major version is 1. */
export const recipeSchemaId = schema.$id
