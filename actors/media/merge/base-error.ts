/** The base of a merged ISO cannot be one, or is no longer the one that it was. The message is for an operator. */
export class BaseIsoError extends Error {
  override readonly name = 'BaseIsoError'
}
