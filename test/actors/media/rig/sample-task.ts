// One task with every kind of file, the same in every run: what the golden digest stands for.
import { taskFiles } from '../../../../actors/media/task-files.ts'
import { buildImg, TASK_LABEL, taskVolumeSerial } from '../../../../actors/media/task-img.ts'
import { buildIso, type TaskFile, taskVolumeId } from '../../../../actors/media/task-iso.ts'

export const sampleJobId = '0199e1d2-7c4e-7a10-8f00-0123456789ab'

export const sampleFiles: readonly TaskFile[] = taskFiles({
  rawRecipe: Buffer.from('{ "task_target" : "install-linux.target",\r\n  "metadata": {"note": "Grüße, 世界"} }\n'),
  recipe: {
    user_data: '#cloud-config\nhostname: node-7\n',
    network_config: 'version: 2\nethernets: {}\n',
    unattend_xml: '<?xml version="1.0"?>\n<unattend/>\n',
    ks_cfg: `vmaccepteula\nreboot\n${'# filled up to more than one sector\n'.repeat(100)}`,
  },
  schemaText: '{"$id": "urn:example:recipe", "type": "object"}\n',
  report: {
    publicUrl: 'http://192.0.2.1:8080',
    serverSerial: 'SN-0001',
    jobId: sampleJobId,
    token: 'sample-token',
    schemaId: 'urn:example:recipe',
  },
})

export function sampleIso(): Uint8Array {
  return buildIso({
    volumeId: taskVolumeId(sampleJobId),
    timestamp: new Date('2026-03-29T01:30:15.678Z'),
    files: sampleFiles,
  })
}

export function sampleImg(): Uint8Array {
  return buildImg({
    label: TASK_LABEL,
    serial: taskVolumeSerial(sampleJobId),
    timestamp: new Date('2026-03-29T01:30:15.678Z'),
    files: sampleFiles,
  })
}
