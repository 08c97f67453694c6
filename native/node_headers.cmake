# NODE_HEADERS: the folder of the headers that Node installs beside its program, or of the system's libssl-dev and libuv1-dev
# where Node itself comes from the system and carries neither library (docs/decisions/0021).
find_program(NODE_PROGRAM NAMES node nodejs REQUIRED)
execute_process(COMMAND ${NODE_PROGRAM} -p "require('path').resolve(process.execPath, '../../include/node')"
  OUTPUT_VARIABLE beside OUTPUT_STRIP_TRAILING_WHITESPACE)
foreach(header openssl/ssl.h uv.h)
  string(MAKE_C_IDENTIFIER ${header} name)
  find_path(NODE_HEADERS_${name} ${header} HINTS ${beside})
  if(NOT NODE_HEADERS_${name})
    message(FATAL_ERROR "${header} was not found, neither in ${beside} nor in the system's folders: take Node from nodejs.org, or install the headers of its package (Debian/Ubuntu: apt-get install libnode-dev)")
  endif()
  list(APPEND NODE_HEADERS ${NODE_HEADERS_${name}})
endforeach()
list(REMOVE_DUPLICATES NODE_HEADERS)
