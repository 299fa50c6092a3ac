/**
 * An accepted recipe, and the faults of a refused one. The fields are those of recipe.schema.json, which is the
 * authority: a field is added there first. Read next: parse.ts.
 */

type FileSystem = 'vfat' | 'ext4' | 'xfs' | 'btrfs' | 'ntfs' | 'swap' | 'raw'

export type Partition = {
  /** `512M`, `1GiB`, `40%`, `100%`; see size.ts. */
  readonly size: string
  /** A four-digit sgdisk code or a GUID, in either case of letters. */
  readonly type_guid: string
  /** `raw` when left out. */
  readonly format?: FileSystem
  readonly label?: string
  readonly mountpoint?: string
}

type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** A recipe exactly as it was sent: a default of the schema is not filled in. */
export type Recipe = {
  /** `1` when left out. */
  readonly schema_version?: string
  readonly task_target: string
  readonly target_disk?: string
  readonly oci_url?: string
  readonly firmware_url?: string
  readonly firmware_sha256?: string
  readonly partition_layout?: readonly Partition[]
  readonly user_data?: string
  readonly network_config?: string
  readonly unattend_xml?: string
  /** 1 when left out. */
  readonly wim_index?: number
  readonly ks_cfg?: string
  readonly installer_url?: string
  readonly env?: { readonly [name: string]: string }
  readonly metadata?: { readonly [name: string]: JsonValue }
}

/** The fields whose content may be secret, and of which only size and SHA-256 are ever shown. */
export const payloadFields = ['user_data', 'network_config', 'unattend_xml', 'ks_cfg'] as const
export type PayloadField = (typeof payloadFields)[number]

/** Stable words on which clients switch. One may be added and is never renamed. */
export type FaultCode =
  // Faults of the text.
  | 'too_large'
  | 'invalid_utf8'
  | 'invalid_json'
  | 'too_deep'
  | 'too_many_values'
  | 'duplicate_key'
  | 'bad_character'
  // Faults against the schema.
  | 'unsupported_version'
  | 'required'
  | 'additional_property'
  | 'type'
  | 'pattern'
  | 'enum'
  | 'too_long'
  | 'too_short'
  | 'too_many'
  | 'too_few'
  | 'too_small'
  | 'too_big'
  | 'invalid_name'
  | 'reserved_name'
  | 'invalid'
  // Faults against the rules that a schema cannot say.
  | 'rest_not_last'
  | 'percent_sum'
  | 'duplicate_mountpoint'
  // The last fault of a list that is too long: it stands for the rest.
  | 'more_faults'

/**
 * One reason for which a recipe is refused. `path` is a JSON Pointer (RFC 6901) into the recipe, and for a missing
 * field the place where it belongs. Neither `path` nor `message` holds a value of the recipe.
 */
export type Fault = { readonly path: string; readonly code: FaultCode; readonly message: string }

export type WarningCode =
  | 'oci_url_not_pinned'
  | 'no_esp'
  | 'no_root'
  | 'no_msr'
  | 'no_ntfs'
  | 'no_unattend_xml'
  | 'kickstart_no_reboot'
  | 'kickstart_no_vmaccepteula'
  | 'kickstart_no_disk'

/** A content that is accepted although it is probably a mistake. It has a fault's shape and holds no value either. */
export type Warning = { readonly path: string; readonly code: WarningCode; readonly message: string }
