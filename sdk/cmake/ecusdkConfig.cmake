# SPDX-License-Identifier: Apache-2.0
# find_package(ecusdk): targets ecusdk::ecusdk and ecusdk::posix, function ecusdk_add_ecu.
include(CMakeFindDependencyMacro)
find_dependency(Threads)

# Inside the SDK's own build the targets exist already.
if(NOT TARGET ecusdk::ecusdk)
    include(${CMAKE_CURRENT_LIST_DIR}/ecusdkTargets.cmake)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/ecusdk_add_ecu.cmake)
