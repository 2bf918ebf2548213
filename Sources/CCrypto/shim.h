// OpenSSL's libcrypto, for SHA-256 only (docs/decisions/0007-libcrypto.md).
#pragma once
#include <openssl/evp.h>
