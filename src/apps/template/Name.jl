"""
Greets whoever is named in the arguments, or the world.

`[apps]` in Project.toml makes a command of it: `{app}`.
"""
module {Name}

"The greeting for some names; without any it is for the world."
greeting(names) = "Hello, " * (isempty(names) ? "world" : join(names, " and ")) * "!"

"What runs when `{app}` is called: `arguments` are the words behind it. Returns the exit status."
function main(arguments)
    if "--help" in arguments
        println("usage: {app} [name…]")
        return 0
    end
    println(greeting(arguments))
    return 0
end

# From Julia 1.11 on this makes `main` what `julia -m {Name}` calls.
@static isdefined(Base, Symbol("@main")) && @main

end
