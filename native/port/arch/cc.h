/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiler glue for lwIP: types, byte order, randomness, assertions.
 */
#ifndef TF_ARCH_CC_H
#define TF_ARCH_CC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _MSC_VER
#error "build with clang or gcc: lwIP's packed structs need their attributes"
#endif

#ifndef BYTE_ORDER
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER 1234
#else
#define BYTE_ORDER 4321
#endif
#endif
#ifndef LITTLE_ENDIAN
#define LITTLE_ENDIAN 1234
#endif
#ifndef BIG_ENDIAN
#define BIG_ENDIAN 4321
#endif

#define lwip_htons(x) ((u16_t)__builtin_bswap16(x))
#define lwip_htonl(x) ((u32_t)__builtin_bswap32(x))
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#if BYTE_ORDER != LITTLE_ENDIAN
#error "the byte order macros above are for little-endian targets"
#endif

uint32_t tf_random(void);
#define LWIP_RAND() tf_random()

/* An assertion that fails is counted, and ends the flow or packet in hand as
 * soon as lwIP has returned; it never ends the process. Test builds stop. */
void tf_assert_failed(const char *message);
#define LWIP_PLATFORM_ASSERT(message) tf_assert_failed(message)
#define LWIP_PLATFORM_DIAG(x) do { } while (0)
/* LWIP_ERROR's own default goes through the diagnostics and an assertion even
 * for refused arguments; here it only takes the handler. */
#define LWIP_ERROR(message, expression, handler) do { if (!(expression)) { handler; } } while (0)

void *tf_lwip_malloc(size_t size);
void *tf_lwip_calloc(size_t count, size_t size);
void tf_lwip_free(void *memory);
uint16_t tf_lwip_checksum(const void *data, int length);

#endif
