# SPDX-License-Identifier: Apache-2.0
# rproc_lint(TARGET [PROFILE name...] [MEMORY_MAP board.toml | DTB board.dtb] [FAIL_ON error|warning|info])
#
# Checks the firmware image that TARGET builds, each time it is linked, and fails the build on findings; the next
# build tries again. A changed memory map links again too. Call it in the folder that makes the target. The program
# is looked for beside this package and in PATH; -DRPROC_EXECUTABLE= names another.
#
# Needs no target and no compiler of the SDK: find_package(ecusdk COMPONENTS lint), for any processor and system.
include_guard(GLOBAL)

# bin/ or Scripts/ of the Python that this package is installed in: …/lib/python3.x/site-packages/ecusdk/cmake
# or …/Lib/site-packages/ecusdk/cmake. A toolchain file must not send the search into the target's own files.
find_program(RPROC_EXECUTABLE rproc
    HINTS ${CMAKE_CURRENT_LIST_DIR}/../../../../../bin ${CMAKE_CURRENT_LIST_DIR}/../../../../Scripts
    NO_CMAKE_FIND_ROOT_PATH
    DOC "The command rproc, for rproc_lint()")

function(rproc_lint)
    set(target "${ARGV0}")
    cmake_parse_arguments(PARSE_ARGV 1 lint "" "MEMORY_MAP;DTB;FAIL_ON" "PROFILE")
    if(lint_UNPARSED_ARGUMENTS OR lint_KEYWORDS_MISSING_VALUES OR NOT TARGET "${target}"
        OR (lint_MEMORY_MAP AND lint_DTB))
        message(FATAL_ERROR "usage: rproc_lint(TARGET [PROFILE name...] [MEMORY_MAP file | DTB file] [FAIL_ON severity])")
    endif()
    if(NOT RPROC_EXECUTABLE)
        message(FATAL_ERROR "rproc_lint(${target}): no command rproc, set RPROC_EXECUTABLE or PATH")
    endif()
    set(options)
    foreach(profile IN LISTS lint_PROFILE)
        # A profile of one's own is a file beside the CMakeLists.txt; the others are names.
        if(profile MATCHES "\\.toml$")
            cmake_path(ABSOLUTE_PATH profile)
            set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${profile})
        endif()
        list(APPEND options --profile ${profile})
    endforeach()
    foreach(option IN ITEMS MEMORY_MAP DTB)
        if(lint_${option})
            string(TOLOWER --${option} name)
            string(REPLACE _ - name ${name})
            cmake_path(ABSOLUTE_PATH lint_${option} OUTPUT_VARIABLE file)
            set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${file})
            list(APPEND options ${name} ${file})
        endif()
    endforeach()
    if(lint_FAIL_ON)
        list(APPEND options --fail-on ${lint_FAIL_ON})
    endif()
    add_custom_command(TARGET ${target} POST_BUILD
        COMMAND ${RPROC_EXECUTABLE} lint $<TARGET_FILE:${target}> ${options}
        COMMENT "Linting the firmware image ${target}"
        VERBATIM)
endfunction()
