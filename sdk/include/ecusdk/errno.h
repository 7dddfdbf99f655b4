/* SPDX-License-Identifier: Apache-2.0
 *
 * The error numbers that the SDK returns, negated, with Linux's values: bare metal has no <errno.h>, or one
 * of its C library's own numbering, and the numbers travel to the host.
 */
#ifndef ECUSDK_ERRNO_H
#define ECUSDK_ERRNO_H

#define ECU_EIO 5
#define ECU_EAGAIN 11
#define ECU_ENOMEM 12
#define ECU_ENODEV 19
#define ECU_EINVAL 22
#define ECU_ENOSPC 28
#define ECU_EMSGSIZE 90
#define ECU_EADDRINUSE 98
#define ECU_ENOTCONN 107
#define ECU_ETIMEDOUT 110

#endif
