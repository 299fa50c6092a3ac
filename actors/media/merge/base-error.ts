/** The base of a merged ISO is unsuitable or was replaced. The message is for an operator. */
export class BaseIsoError extends Error {
  override readonly name = 'BaseIsoError'
}
