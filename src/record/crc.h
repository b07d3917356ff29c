/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FORKSCOPE_CRC_H
#define FORKSCOPE_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of chunks and headers: CRC-32 as in zlib's crc32() and with the same result for the
 * same arguments (begin with @crc 0). Uses the processor's carry-less multiplication where it has
 * it, since the checksum would otherwise be most of the time that reading a recording takes.
 */
uint32_t fsr_crc32(uint32_t crc, const void *data, size_t bytes);

#endif
